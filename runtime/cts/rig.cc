#include "runtime/cts/rig.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/cts/case_result.h"

namespace concord::cts {

Rig::~Rig() {
  for (const hal::Semaphore& semaphore : semaphores_) semaphore.Fail(absl::AbortedError("the case has ended"));
  const absl::StatusOr<hal::Semaphore> drained = device_.CreateSemaphore();
  if (!drained.ok()) return;
  const concord_point signal = drained->At(1);
  if (device_.Barrier({}, {&signal, 1}).ok()) drained->Wait(1, kSoon).IgnoreError();
}

absl::StatusOr<const hal::Semaphore*> Rig::MakeSemaphore(uint64_t initial_value) {
  CONCORD_ASSIGN_OR_RETURN(hal::Semaphore semaphore, device_.CreateSemaphore(initial_value));
  return &semaphores_.emplace_back(std::move(semaphore));
}

absl::StatusOr<const hal::Buffer*> Rig::MakeBuffer(uint64_t size_bytes, int32_t usage) {
  CONCORD_ASSIGN_OR_RETURN(hal::Buffer buffer, device_.CreateBuffer(size_bytes, usage));
  return &buffers_.emplace_back(std::move(buffer));
}

absl::StatusOr<const hal::Buffer*> Rig::MakeBuffer(const std::string& bytes) {
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* buffer, MakeBuffer(bytes.size()));
  CONCORD_RETURN_IF_ERROR(buffer->Write(0, bytes));
  return buffer;
}

std::string RandomBytes(uint64_t seed, size_t size) {
  ops::CaseRng rng(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(rng.Next());
  return bytes;
}

absl::StatusOr<std::string> ReadAll(const hal::Buffer& buffer) {
  std::string bytes(buffer.size_bytes(), '\0');
  CONCORD_RETURN_IF_ERROR(buffer.Read(0, {bytes.data(), bytes.size()}));
  return bytes;
}

absl::Status ExpectBytes(const std::string& got, const std::string& want, absl::string_view what) {
  if (got == want) return absl::OkStatus();
  if (got.size() != want.size()) {
    return absl::InternalError(absl::StrCat(what, ": got ", got.size(), " bytes, want ", want.size()));
  }
  const size_t at = static_cast<size_t>(std::mismatch(got.begin(), got.end(), want.begin()).first - got.begin());
  return absl::InternalError(absl::StrCat(what, ": byte ", at, " of ", want.size(), " is 0x",
                                          absl::Hex(static_cast<uint8_t>(got[at]), absl::kZeroPad2), ", want 0x",
                                          absl::Hex(static_cast<uint8_t>(want[at]), absl::kZeroPad2)));
}

}  // namespace concord::cts
