#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <utility>
#include <vector>

#include "backends/sdk/arrays.h"
#include "backends/sdk/objects.h"
#include "backends/sdk/status.h"
#include "backends/sdk/timeline.h"
#include "backends/sdk/work.h"

// The queue of a device that runs work by itself, in the order in which it was launched: the author launches and says
// when a launch is complete; the border's semaphores, waits before signals, failures and threads are done here. Work
// that waits only for what the same queue will have signalled by then is launched at once, so that steps follow each
// other on the device with no host in between.
namespace concord::sdk {
inline namespace v0 {

class AsyncDriver {
 public:
  virtual ~AsyncDriver() = default;
  // Puts `work` behind everything launched before, whose writes it sees. Tickets are 1, 2, 3 ... One thread at a time;
  // never waits for the device. After an error nothing of the work may still be running.
  virtual Status Launch(const Work& work, uint64_t ticket) = 0;
  // Blocks until the launch is complete and its writes can be seen; an error is the work's, or the device's. Called
  // once for each ticket whose launch was OK, in their order, by one thread.
  virtual Status Wait(uint64_t ticket) = 0;
};

class AsyncQueue;

// All queues of one instance. Lifetime: the instance's.
class AsyncScheduler {
 public:
  Monitor& monitor() { return monitor_; }
  // Launches what has become ready. After whatever may have advanced a semaphore, with no lock held.
  inline void Pump();

 private:
  friend class AsyncQueue;

  Monitor monitor_;
  std::shared_mutex queues_mutex_;  // shared while queues are used, alone while the list changes
  std::vector<AsyncQueue*> queues_;
};

class AsyncSemaphore final : public Semaphore {
 public:
  AsyncSemaphore(AsyncScheduler* scheduler, uint64_t initial)
      : scheduler_(scheduler), timeline_(&scheduler->monitor(), initial) {}

  Result<uint64_t> Query() override { return timeline_.Query(); }
  Status Signal(uint64_t value) override {
    AsyncScheduler* const scheduler = scheduler_;  // whoever sees the signal may destroy this
    Status status = timeline_.Signal(value);
    scheduler->Pump();
    return status;
  }
  void Fail(const Status& reason) override {
    AsyncScheduler* const scheduler = scheduler_;
    timeline_.Fail(reason);
    scheduler->Pump();
  }
  Status Wait(uint64_t value, uint64_t timeout_ns) override { return timeline_.Wait(value, timeout_ns); }

  Timeline& timeline() { return timeline_; }

 private:
  friend class AsyncQueue;

  AsyncScheduler* scheduler_;
  Timeline timeline_;
  // The value that work launched in `promised_by_` will bring; under the monitor.
  const AsyncQueue* promised_by_ = nullptr;
  uint64_t promised_ = 0;
};

class AsyncQueue {
 public:
  // How many items may be pending; far above what a host keeps in flight, and a bound on what a stuck one costs.
  static constexpr size_t kMaxPending = 1024;

  // Both outlive the queue.
  AsyncQueue(AsyncScheduler* scheduler, AsyncDriver* driver) : scheduler_(scheduler), driver_(driver) {
    std::unique_lock<std::shared_mutex> lock(scheduler_->queues_mutex_);
    scheduler_->queues_.push_back(this);
    thread_ = std::thread([this] { CompleteAll(); });
  }
  // Waits for what was launched.
  ~AsyncQueue() {
    {
      std::unique_lock<std::shared_mutex> lock(scheduler_->queues_mutex_);
      auto& queues = scheduler_->queues_;
      queues.erase(std::remove(queues.begin(), queues.end(), this), queues.end());
    }
    {
      std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
      stop_ = true;
      launched_changed_.notify_all();
    }
    thread_.join();
  }
  AsyncQueue(const AsyncQueue&) = delete;
  AsyncQueue& operator=(const AsyncQueue&) = delete;

  // Queues what `describe(Work*)` writes (it returns a Status; when it fails nothing is queued). Never waits for work.
  template <typename Describe>
  Status Push(concord_array waits, concord_array signals, Describe&& describe) {
    std::unique_ptr<Work> work;
    {
      std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
      if (pending_.size() + launched_.size() >= kMaxPending) {
        return Error(CONCORD_RESOURCE_EXHAUSTED, "the queue is full: ", kMaxPending,
                     " items are pending; wait for one of their signals");
      }
      work = TakeFreeLocked();
    }
    ArrayView<concord_point>(waits).CopyTo(&work->waits);
    ArrayView<concord_point>(signals).CopyTo(&work->signals);
    Status status = CheckPoints(*work, scheduler_->monitor_,
                                [](const concord_point& point) -> Timeline& { return SemaphoreOf(point).timeline_; });
    if (status.ok()) status = describe(work.get());
    {
      std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
      if (!status.ok()) {
        free_.push_back(std::move(work));
        return status;
      }
      pending_.push_back(std::move(work));
    }
    scheduler_->Pump();
    return Ok();
  }

  bool Busy() {
    std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
    return !launched_.empty() || !pending_.empty();
  }

 private:
  friend class AsyncScheduler;

  struct Launched {
    std::unique_ptr<Work> work;
    uint64_t ticket = 0;
    bool launching = true;  // Launch has not returned yet
    Status status;          // of Launch
  };

  static AsyncSemaphore& SemaphoreOf(const concord_point& point) {
    return *static_cast<AsyncSemaphore*>(ObjectOf(point.semaphore));
  }

  std::unique_ptr<Work> TakeFreeLocked() {
    if (free_.empty()) return std::make_unique<Work>();
    std::unique_ptr<Work> work = std::move(free_.back());
    free_.pop_back();
    return work;
  }

  // OK when every wait is reached, or will be before what is launched now can run; else the failure of one. `ready`
  // false: neither yet.
  Status WaitsLocked(const Work& work, bool* ready) const {
    *ready = true;
    for (const concord_point& wait : work.waits) {
      const AsyncSemaphore& semaphore = SemaphoreOf(wait);
      if (semaphore.timeline_.FailedLocked()) {
        *ready = true;
        return semaphore.timeline_.FailureLocked();
      }
      const bool promised = semaphore.promised_by_ == this && semaphore.promised_ >= wait.value;
      if (!promised && !semaphore.timeline_.ReachedLocked(wait.value)) *ready = false;
    }
    return Ok();
  }

  // Launches the first item that can be. False: there is none.
  bool LaunchOne() {
    std::lock_guard<std::mutex> one_launch(launch_mutex_);
    Launched* item = nullptr;
    std::vector<std::pair<uint64_t, Timeline::Callback>> due;
    Status failure;
    {
      std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
      std::unique_ptr<Work> work = TakeReadyLocked(&failure);
      if (work == nullptr) return false;
      if (failure.ok()) {
        item = PromiseLocked(std::move(work));
      } else {
        SignalLocked(*work, failure, &due);
        free_.push_back(std::move(work));
      }
    }
    for (auto& [value, callback] : due) callback(failure);
    if (item == nullptr) return true;
    Status status;
    try {
      status = driver_->Launch(*item->work, item->ticket);
    } catch (const std::exception& e) {
      status = Error(CONCORD_INTERNAL, "launching threw: ", e.what());
    }
    std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
    item->status = std::move(status);
    item->launching = false;
    launched_changed_.notify_all();
    return true;
  }

  std::unique_ptr<Work> TakeReadyLocked(Status* failure) {
    for (auto it = pending_.begin(); it != pending_.end(); ++it) {
      bool ready = false;
      *failure = WaitsLocked(**it, &ready);
      if (!ready) continue;
      std::unique_ptr<Work> work = std::move(*it);
      pending_.erase(it);
      return work;
    }
    return nullptr;
  }

  // The address stays: a deque moves nothing when its ends change.
  Launched* PromiseLocked(std::unique_ptr<Work> work) {
    for (const concord_point& signal : work->signals) {
      AsyncSemaphore& semaphore = SemaphoreOf(signal);
      semaphore.promised_by_ = this;
      semaphore.promised_ = std::max(semaphore.promised_, signal.value);
    }
    launched_.push_back({std::move(work), ++last_ticket_, true, Ok()});
    return &launched_.back();
  }

  static void SignalLocked(const Work& work, const Status& status,
                           std::vector<std::pair<uint64_t, Timeline::Callback>>* due) {
    for (const concord_point& signal : work.signals) {
      Timeline& timeline = SemaphoreOf(signal).timeline_;
      const Status signalled = status.ok() ? timeline.SignalLocked(signal.value, due) : status;
      if (!signalled.ok()) timeline.FailLocked(signalled, due);
    }
  }

  // The thread that waits for the device, launch by launch.
  void CompleteAll() {
    std::unique_lock<std::mutex> lock(scheduler_->monitor_.mutex);
    for (;;) {
      launched_changed_.wait(lock, [this] { return launched_.empty() ? stop_ : !launched_.front().launching; });
      if (launched_.empty()) return;
      const uint64_t ticket = launched_.front().ticket;
      Status status = launched_.front().status;
      if (status.ok()) {
        lock.unlock();
        status = WaitFor(ticket);
        lock.lock();
      }
      std::unique_ptr<Work> work = std::move(launched_.front().work);
      launched_.pop_front();
      // What it waited for is over by now; if that failed, what this has computed is worth nothing.
      bool reached = false;
      Status waits = WaitsLocked(*work, &reached);
      if (status.ok() && !waits.ok()) status = std::move(waits);
      std::vector<std::pair<uint64_t, Timeline::Callback>> due;
      SignalLocked(*work, status, &due);
      free_.push_back(std::move(work));
      lock.unlock();
      for (auto& [value, callback] : due) callback(status);
      scheduler_->Pump();
      lock.lock();
    }
  }

  Status WaitFor(uint64_t ticket) {
    try {
      return driver_->Wait(ticket);
    } catch (const std::exception& e) {
      return Error(CONCORD_INTERNAL, "waiting threw: ", e.what());
    }
  }

  AsyncScheduler* scheduler_;
  AsyncDriver* driver_;
  std::mutex launch_mutex_;  // before the monitor's, never after it
  // Under the monitor:
  std::condition_variable launched_changed_;
  std::vector<std::unique_ptr<Work>> pending_;
  std::deque<Launched> launched_;
  std::vector<std::unique_ptr<Work>> free_;
  uint64_t last_ticket_ = 0;
  bool stop_ = false;
  std::thread thread_;
};

void AsyncScheduler::Pump() {
  std::shared_lock<std::shared_mutex> lock(queues_mutex_);
  for (bool progress = true; progress;) {
    progress = false;
    for (AsyncQueue* queue : queues_) {
      while (queue->LaunchOne()) progress = true;
    }
  }
}

}  // namespace v0
}  // namespace concord::sdk
