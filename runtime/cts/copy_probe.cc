#include "runtime/cts/copy_probe.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "runtime/hal/chain.h"

namespace concord::cts {
namespace {

// Two of them are far beyond the last-level caches of today's cards (256 MiB at most).
constexpr uint64_t kWantedBytes = 512 << 20;
constexpr uint64_t kUnsureBytes = 128 << 20;  // of a device that does not say what is free
constexpr uint64_t kLeastBytes = 1 << 20;
constexpr int kRounds = 5;
constexpr double kRoundSeconds = 0.02;  // long enough that submitting and waiting do not count
constexpr int kMostCopies = 256;        // a round, well within what queues hold

uint64_t SizeFor(const hal::Device& device) {
  uint64_t size = kUnsureBytes;
  const absl::StatusOr<concord_memory_stats> stats = device.MemoryStats();
  if (stats.ok() && stats->total_bytes > 0) size = std::min(kWantedBytes, stats->free_bytes / 4);
  if (device.info().max_buffer_bytes > 0) size = std::min(size, device.info().max_buffer_bytes);
  return size / kLeastBytes * kLeastBytes;
}

// The seconds that `count` copies take, one after the other.
absl::StatusOr<double> Time(const hal::Buffer& source, const hal::Buffer& target, int count, hal::Chain* chain) {
  const auto begin = std::chrono::steady_clock::now();
  absl::Status status;
  for (int i = 0; i < count && status.ok(); ++i) {
    const concord_point wait = chain->last(), signal = chain->next();
    status = source.device().Copy({.source = &source,
                                   .target = &target,
                                   .size_bytes = source.size_bytes(),
                                   .waits = {&wait, 1},
                                   .signals = {&signal, 1}});
    if (status.ok()) chain->Advance();
  }
  status.Update(chain->Wait());  // in any case: the buffers are in use until then
  if (!status.ok()) return status;
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Writes all of a buffer: memory that nobody has touched may not be there yet.
absl::Status Touch(const hal::Buffer& buffer, hal::Chain* chain) {
  const concord_point signal = chain->next();
  CONCORD_RETURN_IF_ERROR(buffer.device().Fill(
      {.target = &buffer, .size_bytes = buffer.size_bytes(), .pattern = 0x01020304, .signals = {&signal, 1}}));
  chain->Advance();
  return chain->Wait();
}

}  // namespace

absl::StatusOr<double> ProbeCopyBandwidth(const hal::Device& device) {
  hal::Buffer source, target;
  uint64_t size = SizeFor(device);
  for (; size >= kLeastBytes; size /= 2) {
    absl::StatusOr<hal::Buffer> one = device.CreateBuffer(size), other = device.CreateBuffer(size);
    if (one.ok() && other.ok()) {
      source = *std::move(one), target = *std::move(other);
      break;
    }
  }
  if (size < kLeastBytes) return 0;
  CONCORD_ASSIGN_OR_RETURN(hal::Semaphore semaphore, device.CreateSemaphore());
  hal::Chain chain(std::move(semaphore));
  CONCORD_RETURN_IF_ERROR(Touch(source, &chain));
  CONCORD_RETURN_IF_ERROR(Touch(target, &chain));
  CONCORD_ASSIGN_OR_RETURN(double seconds, Time(source, target, 1, &chain));
  const int count = static_cast<int>(std::clamp(kRoundSeconds / std::max(seconds, 1e-9), 1.0, 1.0 * kMostCopies));
  for (int round = 0; round < kRounds; ++round) {
    CONCORD_ASSIGN_OR_RETURN(const double took, Time(source, target, count, &chain));
    seconds = std::min(seconds, took / count);
  }
  return 2 * static_cast<double>(size) / std::max(seconds, 1e-9);
}

}  // namespace concord::cts
