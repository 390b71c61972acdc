#pragma once

#include <cstdint>
#include <mutex>

namespace concord::vulkan {

// The ticks of a queue as a number that only grows: some have 36 bits, which are over in minutes. Right as long as two
// readings are less than half a turn apart. Threads: any.
class Clock {
 public:
  explicit Clock(uint32_t bits) : bits_(bits) {}

  uint32_t bits() const { return bits_; }  // 0: there is no clock
  uint64_t Unwrap(uint64_t ticks) {
    if (bits_ == 0 || bits_ >= 64) return ticks;
    std::lock_guard<std::mutex> lock(mutex_);
    const uint64_t turn = uint64_t{1} << bits_, ahead = (ticks - last_) & (turn - 1);
    if (last_ == 0) return last_ = turn + (ticks & (turn - 1));  // so that there is room before it
    // What was measured earlier may be read later.
    if (ahead >= turn / 2) return last_ - (turn - ahead);
    return last_ += ahead;
  }

 private:
  uint32_t bits_;
  std::mutex mutex_;
  uint64_t last_ = 0;
};

}  // namespace concord::vulkan
