#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "backends/sdk/status.h"
#include "concord/plugin.h"

// The timeline semaphore in plain C++, for devices that have no such object of their own.
namespace concord::sdk {
inline namespace v0 {

// A lock and a way to wait for "something changed" under it. Timelines of one instance share one, so that a thread can
// wait for any of them, and so that whoever sees a signal may destroy everything at once: the signaller touches nothing
// after it has released this lock.
struct Monitor {
  std::mutex mutex;
  std::condition_variable changed;
};

// A number that only grows, or has failed for good (then with the reason of the first failure).
// Threads: any. Lifetime: the monitor outlives it; nobody waits when it is destroyed.
class Timeline {
 public:
  using Callback = std::function<void(const Status&)>;

  Timeline(Monitor* monitor, uint64_t initial) : monitor_(monitor), value_(initial) {}
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  Monitor& monitor() { return *monitor_; }

  Result<uint64_t> Query() {
    std::lock_guard<std::mutex> lock(monitor_->mutex);
    if (failed_) return failure_;
    return value_;
  }

  // Advances; INVALID_ARGUMENT unless `value` is greater than the present one.
  Status Signal(uint64_t value) {
    std::vector<std::pair<uint64_t, Callback>> due;
    {
      std::lock_guard<std::mutex> lock(monitor_->mutex);
      Status status = SignalLocked(value, &due);
      if (!status.ok()) return status;
    }
    for (auto& [at, callback] : due) callback(Ok());
    return Ok();
  }

  void Fail(const Status& reason) {
    std::vector<std::pair<uint64_t, Callback>> due;
    {
      std::lock_guard<std::mutex> lock(monitor_->mutex);
      FailLocked(reason, &due);
    }
    for (auto& [at, callback] : due) callback(reason);
  }

  // Blocks until reached (OK), failed (the reason) or the time is over (DEADLINE_EXCEEDED).
  Status Wait(uint64_t value, uint64_t timeout_ns) {
    std::unique_lock<std::mutex> lock(monitor_->mutex);
    const auto done = [&] { return failed_ || value_ >= value; };
    if (timeout_ns >= kLongestTimeoutNs) {
      monitor_->changed.wait(lock, done);
    } else if (!monitor_->changed.wait_for(lock, std::chrono::nanoseconds(timeout_ns), done)) {
      return Late(value);
    }
    return failed_ ? failure_ : Ok();
  }

  // Calls `callback` once, from whichever thread gets there: OK when `value` is reached, else the reason of failure.
  // At once when it already is. Called with no lock held.
  void OnReached(uint64_t value, Callback callback) {
    Status now;
    {
      std::lock_guard<std::mutex> lock(monitor_->mutex);
      if (!failed_ && value_ < value) {
        callbacks_.emplace_back(value, std::move(callback));
        return;
      }
      if (failed_) now = failure_;
    }
    callback(now);
  }

  // The same with monitor().mutex held by the caller, who also runs what is `due` after releasing it.
  bool ReachedLocked(uint64_t value) const { return value_ >= value; }
  bool FailedLocked() const { return failed_; }
  const Status& FailureLocked() const { return failure_; }
  Status SignalLocked(uint64_t value, std::vector<std::pair<uint64_t, Callback>>* due) {
    if (failed_) return failure_;
    if (value <= value_) {
      return Error(CONCORD_INVALID_ARGUMENT, "semaphore is at ", value_, " and cannot be signalled to ", value,
                   ": values only grow");
    }
    value_ = value;
    for (size_t i = 0; i < callbacks_.size();) {
      if (callbacks_[i].first > value) {
        ++i;
        continue;
      }
      due->push_back(std::move(callbacks_[i]));
      callbacks_.erase(callbacks_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    monitor_->changed.notify_all();
    return Ok();
  }
  void FailLocked(const Status& reason, std::vector<std::pair<uint64_t, Callback>>* due) {
    if (failed_) return;
    failed_ = true;
    failure_ = reason;
    for (auto& entry : callbacks_) due->push_back(std::move(entry));
    callbacks_.clear();
    monitor_->changed.notify_all();
  }
  Status Late(uint64_t value) const {
    return Error(CONCORD_DEADLINE_EXCEEDED, "semaphore did not reach ", value, " in time; it is at ", value_);
  }

  // Half of what steady_clock can count: longer waits are for ever, and no sum with now() overflows.
  static constexpr uint64_t kLongestTimeoutNs = uint64_t{1} << 62;

 private:
  Monitor* monitor_;
  uint64_t value_;
  bool failed_ = false;
  Status failure_;
  std::vector<std::pair<uint64_t, Callback>> callbacks_;
};

}  // namespace v0
}  // namespace concord::sdk
