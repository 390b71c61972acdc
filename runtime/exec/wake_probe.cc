#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "runtime/exec/engine_thread.h"
#include "runtime/exec/probe.h"

namespace concord::exec {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 40;
constexpr auto kStep = std::chrono::microseconds(60);  // long enough that who waits has gone to sleep

// The time from waking another thread to being woken by it, after work as long as a small model's step; the median.
double RoundTripSeconds() {
  std::mutex mutex;
  std::condition_variable changed;
  bool theirs = false;
  absl::StatusOr<std::thread> other = StartThread([&] {
    for (int i = 0; i < kRounds; ++i) {
      std::unique_lock<std::mutex> lock(mutex);
      changed.wait(lock, [&] { return theirs; });
      theirs = false;
      changed.notify_all();
    }
  });
  if (!other.ok()) return 0;
  std::array<double, kRounds> seconds;
  for (double& s : seconds) {
    for (const auto begin = Clock::now(); Clock::now() - begin < kStep;) {
    }
    const auto begin = Clock::now();
    std::unique_lock<std::mutex> lock(mutex);
    theirs = true;
    changed.notify_all();
    changed.wait(lock, [&] { return !theirs; });
    s = std::chrono::duration<double>(Clock::now() - begin).count();
  }
  other->join();
  std::nth_element(seconds.begin(), seconds.begin() + kRounds / 2, seconds.end());
  return seconds[kRounds / 2];
}

}  // namespace

double EngineSeconds() {
  static const double seconds = RoundTripSeconds() / 2;
  return seconds;
}

}  // namespace concord::exec
