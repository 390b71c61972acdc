#pragma once

#include <cstdint>
#include <mutex>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/hal/buffer.h"
#include "runtime/hal/semaphore.h"

namespace concord::hal {

struct CopyArgs;

// The way of a device's buffers that the host cannot address to the host and back: a piece of staging memory, and
// copies of the queue between the two. Owned by the device. The memory is made when it is first needed, grows with what
// is wanted up to kMaxBytes, and stays for the next transfer until Trim. Any thread; one transfer at a time.
class Staging {
 public:
  // Larger transfers go in pieces of this: a bound on pinned host memory, and enough that a bus is busy (a piece takes
  // about a millisecond on PCIe 4.0 x16, some 50 times what it costs to submit and to wait).
  static constexpr uint64_t kMaxBytes = 16 << 20;

  explicit Staging(const Device& device) : device_(device) {}
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // Ranges lie within the buffers. Return when the bytes have arrived.
  absl::Status Write(const Buffer& target, uint64_t offset_bytes, absl::Span<const char> bytes);
  absl::Status Read(const Buffer& source, uint64_t offset_bytes, absl::Span<char> bytes);
  // Gives the memory back until it is needed again.
  void Trim();

 private:
  absl::Status Reserve(uint64_t bytes);
  void Release();
  absl::Status CopyAndWait(CopyArgs args);

  const Device& device_;
  std::mutex mutex_;
  Buffer memory_;
  char* address_ = nullptr;  // of memory_; null: there is none
  Semaphore done_;
  uint64_t value_ = 0;  // that the last copy signalled
};

}  // namespace concord::hal
