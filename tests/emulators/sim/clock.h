#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <thread>

#include "backends/sdk/objects.h"

namespace concord::sim {

// Simulated time in nanoseconds since the instance began. Fractions count: they add up over thousands of ops.
using Ns = double;

// What time it is for the calling thread: the host's time, or with a virtual clock one that each thread has for itself
// and that only AdvanceTo moves. Any thread.
class Clock {
 public:
  Clock(const sdk::Host& host, bool is_virtual) : host_(host), virtual_(is_virtual) { Reset(); }

  bool is_virtual() const { return virtual_; }
  // Differs from every other clock's and from what it was before a Reset: times of another epoch mean 0.
  uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }
  // The host's time at time 0.
  uint64_t origin_ns() const { return origin_ns_.load(std::memory_order_relaxed); }

  Ns Now() const { return virtual_ ? Mine() : static_cast<Ns>(host_.NowNs() - origin_ns()); }
  // The calling thread has seen something that happened at `time`.
  void AdvanceTo(Ns time) {
    if (virtual_ && time > Mine()) Mine() = time;
  }
  // Returns when it is `time`: with a virtual clock at once.
  void WaitUntil(Ns time) {
    AdvanceTo(time);
    // A sleeper wakes up about 50 us late, so the last of it is spent looking.
    for (Ns left; !virtual_ && (left = time - Now()) > 0;) {
      if (left > 1e5) std::this_thread::sleep_for(std::chrono::nanoseconds(static_cast<int64_t>(left - 1e5)));
    }
  }
  void Reset() {
    static std::atomic<uint64_t> epochs{0};
    origin_ns_.store(host_.NowNs(), std::memory_order_relaxed);
    epoch_.store(++epochs, std::memory_order_release);
  }

 private:
  Ns& Mine() const {
    thread_local std::map<uint64_t, Ns> times;  // by epoch
    return times[epoch()];
  }

  const sdk::Host& host_;
  const bool virtual_;
  std::atomic<uint64_t> epoch_{0}, origin_ns_{0};
};

}  // namespace concord::sim
