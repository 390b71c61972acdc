#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "ops/core/op_case.h"
#include "runtime/cts/context.h"

namespace concord::cts {

// How long a case waits for what should come at once: long for the slowest device, short for whoever waits for a
// device that never signals.
inline constexpr absl::Duration kSoon = absl::Seconds(20);

// The semaphores and buffers of a case. When it ends, however it ends, semaphores that work may still wait for are
// failed and the queue is drained, so that a case that fails leaves nothing behind that points to what is gone.
class Rig {
 public:
  explicit Rig(const hal::Device& device) : device_(device) {}
  ~Rig();
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  const hal::Device& device() const { return device_; }

  // Owned by this; stay where they are.
  absl::StatusOr<const hal::Semaphore*> MakeSemaphore(uint64_t initial_value = 0);
  absl::StatusOr<const hal::Buffer*> MakeBuffer(uint64_t size_bytes, int32_t usage = CONCORD_BUFFER_DEVICE);
  // With these bytes in it.
  absl::StatusOr<const hal::Buffer*> MakeBuffer(const std::string& bytes);

 private:
  const hal::Device& device_;
  std::deque<hal::Buffer> buffers_;
  std::deque<hal::Semaphore> semaphores_;
};

// `size` bytes that differ from seed to seed.
std::string RandomBytes(uint64_t seed, size_t size);
// All bytes of a buffer.
absl::StatusOr<std::string> ReadAll(const hal::Buffer& buffer);
// Where the first difference is, and what is there.
absl::Status ExpectBytes(const std::string& got, const std::string& want, absl::string_view what);

}  // namespace concord::cts
