#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "backends/sdk/arrays.h"
#include "backends/sdk/objects.h"
#include "backends/sdk/status.h"
#include "backends/sdk/timeline.h"
#include "backends/sdk/work.h"
#include "concord/plugin.h"

// The queue of a device with CONCORD_DEVICE_EXECUTES_IN_WAIT: submitting only stores the work, and a thread that waits
// for a semaphore executes what is ready, so that a step costs no thread switch.
namespace concord::sdk {
inline namespace v0 {

class WorkExecutor {
 public:
  virtual ~WorkExecutor() = default;
  // Called by one thread at a time a queue, with no lock held.
  virtual Status Execute(const Work& work) = 0;
};

class InlineQueue;

// All queues of one instance: a waiting thread drives every one of them, so that work may wait for another device of
// the same instance. Lifetime: the instance's.
class InlineScheduler {
 public:
  Monitor& monitor() { return monitor_; }

  // Blocks until `timeline` reaches `value`, executing ready work meanwhile. An item that has begun is finished, so
  // the timeout can be overrun by one item; with timeout 0 one ready item is executed.
  inline Status Wait(Timeline& timeline, uint64_t value, uint64_t timeout_ns);

 private:
  friend class InlineQueue;
  // Executes one ready item. `lock` is held on entry and exit.
  inline bool RunOne(std::unique_lock<std::mutex>& lock);

  Monitor monitor_;
  std::vector<InlineQueue*> queues_;
};

// The semaphore of such a device.
class InlineSemaphore : public Semaphore {
 public:
  InlineSemaphore(InlineScheduler* scheduler, uint64_t initial)
      : scheduler_(scheduler), timeline_(&scheduler->monitor(), initial) {}

  Result<uint64_t> Query() override { return timeline_.Query(); }
  Status Signal(uint64_t value) override { return timeline_.Signal(value); }
  void Fail(const Status& reason) override { timeline_.Fail(reason); }
  Status Wait(uint64_t value, uint64_t timeout_ns) override { return scheduler_->Wait(timeline_, value, timeout_ns); }

  Timeline& timeline() { return timeline_; }

 private:
  InlineScheduler* scheduler_;
  Timeline timeline_;
};

class InlineQueue {
 public:
  // How many items may be pending; far above what a host keeps in flight, and a bound on what a stuck one costs.
  static constexpr size_t kMaxPending = 1024;

  InlineQueue(InlineScheduler* scheduler, WorkExecutor* executor) : scheduler_(scheduler), executor_(executor) {
    pending_.reserve(kMaxPending);
    free_.reserve(kMaxPending);
    std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
    scheduler_->queues_.push_back(this);
  }
  ~InlineQueue() {
    std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
    auto& queues = scheduler_->queues_;
    queues.erase(std::remove(queues.begin(), queues.end(), this), queues.end());
  }
  InlineQueue(const InlineQueue&) = delete;
  InlineQueue& operator=(const InlineQueue&) = delete;

  // Queues what `describe(Work*)` writes (it returns a Status; when it fails nothing is queued). Never waits for work.
  template <typename Describe>
  Status Push(concord_array waits, concord_array signals, Describe&& describe) {
    std::unique_ptr<Work> work;
    {
      std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
      if (pending_.size() >= kMaxPending) {
        return Error(CONCORD_RESOURCE_EXHAUSTED, "the queue is full: ", kMaxPending,
                     " items are pending; wait for one of their signals");
      }
      if (!free_.empty()) {
        work = std::move(free_.back());
        free_.pop_back();
      }
    }
    if (work == nullptr) work = std::make_unique<Work>();
    ArrayView<concord_point>(waits).CopyTo(&work->waits);
    ArrayView<concord_point>(signals).CopyTo(&work->signals);
    Status status = CheckPoints(*work, scheduler_->monitor_, TimelineOf);
    if (status.ok()) status = describe(work.get());
    std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
    if (!status.ok()) {
      if (free_.size() < kMaxPending) free_.push_back(std::move(work));
      return status;
    }
    pending_.push_back(std::move(work));
    scheduler_->monitor_.changed.notify_all();
    return Ok();
  }

  bool Busy() {
    std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
    return running_ || !pending_.empty();
  }

 private:
  friend class InlineScheduler;

  static Timeline& TimelineOf(const concord_point& point) {
    return static_cast<InlineSemaphore*>(ObjectOf(point.semaphore))->timeline();
  }

  // The first item whose waits are all reached, or of which one has failed; taken out of the queue.
  std::unique_ptr<Work> TakeReady(Status* failure) {
    for (size_t i = 0; i < pending_.size(); ++i) {
      bool ready = true;
      for (const concord_point& wait : pending_[i]->waits) {
        const Timeline& timeline = TimelineOf(wait);
        if (timeline.FailedLocked()) {
          *failure = timeline.FailureLocked();
          ready = true;
          break;
        }
        if (!timeline.ReachedLocked(wait.value)) ready = false;
      }
      if (!ready) continue;
      std::unique_ptr<Work> work = std::move(pending_[i]);
      pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
      return work;
    }
    return nullptr;
  }

  InlineScheduler* scheduler_;
  WorkExecutor* executor_;
  std::vector<std::unique_ptr<Work>> pending_;
  std::vector<std::unique_ptr<Work>> free_;
  bool running_ = false;
};

bool InlineScheduler::RunOne(std::unique_lock<std::mutex>& lock) {
  for (InlineQueue* queue : queues_) {
    if (queue->running_) continue;
    Status status;
    std::unique_ptr<Work> work = queue->TakeReady(&status);
    if (work == nullptr) continue;
    if (status.ok()) {
      queue->running_ = true;
      lock.unlock();
      try {
        status = queue->executor_->Execute(*work);
      } catch (const std::exception& e) {
        status = Error(CONCORD_INTERNAL, "execution threw: ", e.what());
      } catch (...) {
        status = Error(CONCORD_INTERNAL, "execution threw something that is no exception");
      }
      lock.lock();
      queue->running_ = false;
    }
    std::vector<std::pair<uint64_t, Timeline::Callback>> due;
    for (const concord_point& signal : work->signals) {
      Timeline& timeline = InlineQueue::TimelineOf(signal);
      const Status signalled = status.ok() ? timeline.SignalLocked(signal.value, &due) : status;
      if (!signalled.ok()) timeline.FailLocked(signalled, &due);
    }
    queue->free_.push_back(std::move(work));
    // Another thread may wait for the queue to become free rather than for these signals.
    monitor_.changed.notify_all();
    if (!due.empty()) {
      lock.unlock();
      for (auto& [value, callback] : due) callback(status);
      lock.lock();
    }
    return true;
  }
  return false;
}

Status InlineScheduler::Wait(Timeline& timeline, uint64_t value, uint64_t timeout_ns) {
  const bool forever = timeout_ns >= Timeline::kLongestTimeoutNs;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(forever ? 0 : timeout_ns);
  std::unique_lock<std::mutex> lock(monitor_.mutex);
  for (;;) {
    if (timeline.FailedLocked()) return timeline.FailureLocked();
    if (timeline.ReachedLocked(value)) return Ok();
    const bool ran = RunOne(lock);
    if (!forever && std::chrono::steady_clock::now() >= deadline && !timeline.FailedLocked()) {
      return timeline.ReachedLocked(value) ? Ok() : timeline.Late(value);
    }
    if (ran) continue;
    if (forever) {
      monitor_.changed.wait(lock);
    } else {
      monitor_.changed.wait_until(lock, deadline);
    }
  }
}

}  // namespace v0
}  // namespace concord::sdk
