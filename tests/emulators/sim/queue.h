#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "backends/sdk/sdk.h"
#include "tests/emulators/sim/clock.h"

// Queues and semaphores that know when things happen. Work begins when its queue is free, it has been submitted and all
// that it waits for has happened, whichever is last, and ends as much later as the device says. That alone decides
// about time; the clock decides who executes:
//   real     a thread a queue, which signals when the time has come;
//   virtual  whoever waits or asks, so that one host thread sees the same times in every run.
// A queue works in the order of submission. Work that still waits is passed: in real time by what is ready, in virtual
// time only where otherwise nothing could go on.
namespace concord::sim {

// How long work takes; of a submission, after `before_ops` op by op.
struct Timing {
  Ns total = 0, before_ops = 0;
  std::vector<Ns> ops;
};

class WorkDevice {
 public:
  virtual ~WorkDevice() = default;
  // Computes, and says how long that takes in simulated time. With no lock held; one thread at a time a queue.
  virtual sdk::Status Execute(const sdk::Work& work, Timing* timing) = 0;
  // Whether work that is submitted now is to be recorded; and then what it was, before its signals.
  virtual bool Recording() const = 0;
  virtual void Record(const sdk::Work& work, uint32_t queue_index, Ns begin, const Timing& timing) = 0;
};

class Queue;
class Semaphore;

// All queues of one instance. Lifetime: the instance's.
class Scheduler {
 public:
  explicit Scheduler(Clock* clock) : clock_(*clock) {}

  sdk::Monitor& monitor() { return monitor_; }
  Clock& clock() { return clock_; }

  sdk::Status Wait(Semaphore& semaphore, uint64_t value, uint64_t timeout_ns);
  // With a virtual clock: executes all that can be.
  void RunAll();
  // When the last of the queues is free, as far as work can go on.
  Ns FreeAt();
  // FAILED_PRECONDITION while work is pending.
  sdk::Status Reset();

 private:
  friend class Queue;
  // Executes one item, of `only` or of any queue. `lock` is held on entry and exit. False: nothing can go on.
  bool RunOne(std::unique_lock<std::mutex>& lock, Queue* only = nullptr);

  sdk::Monitor monitor_;
  Clock& clock_;
  std::vector<Queue*> queues_;
};

class Semaphore final : public sdk::Semaphore {
 public:
  Semaphore(Scheduler* scheduler, uint64_t initial)
      : scheduler_(scheduler), timeline_(&scheduler->monitor(), initial), epoch_(scheduler->clock().epoch()) {}

  // A poll counts as waiting: what can be executed is, and the thread is then where the value was reached.
  sdk::Result<uint64_t> Query() override;
  sdk::Status Signal(uint64_t value) override;
  void Fail(const sdk::Status& reason) override;
  sdk::Status Wait(uint64_t value, uint64_t timeout_ns) override { return scheduler_->Wait(*this, value, timeout_ns); }

  // The rest with the monitor's mutex held.
  const sdk::Timeline& timeline() const { return timeline_; }
  sdk::Timeline& timeline() { return timeline_; }
  sdk::Status SignalLocked(uint64_t value, Ns time);
  void FailLocked(const sdk::Status& reason, Ns time);
  // When it reached `value`, or failed.
  Ns TimeLocked(uint64_t value) const;

 private:
  struct Moment {
    uint64_t value;
    Ns time;
  };
  void BringLocked(uint64_t value, Ns time);

  Scheduler* scheduler_;
  sdk::Timeline timeline_;
  std::vector<Moment> moments_;  // both grow; those of this epoch
  uint64_t epoch_;
};

class Queue {
 public:
  static constexpr size_t kMaxPending = 1024;

  // Both outlive the queue.
  Queue(Scheduler* scheduler, WorkDevice* device, uint32_t index);
  ~Queue();  // nothing is pending
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // Queues what `describe(Work*)` writes (it returns a Status; when it fails nothing is queued).
  template <typename Describe>
  sdk::Status Push(concord_array waits, concord_array signals, Describe&& describe) {
    auto item = std::make_unique<Item>();
    sdk::ArrayView<concord_point>(waits).CopyTo(&item->work.waits);
    sdk::ArrayView<concord_point>(signals).CopyTo(&item->work.signals);
    sdk::Status status = sdk::CheckPoints(item->work, scheduler_->monitor(), TimelineOf);
    if (status.ok()) status = describe(&item->work);
    return status.ok() ? Add(std::move(item)) : status;
  }

  bool Busy();

 private:
  friend class Scheduler;

  struct Item {
    sdk::Work work;
    Ns submitted = 0;
    bool recorded = false;
  };

  static Semaphore& SemaphoreOf(const concord_point& point) {
    return *static_cast<Semaphore*>(sdk::ObjectOf(point.semaphore));
  }
  static sdk::Timeline& TimelineOf(const concord_point& point) { return SemaphoreOf(point).timeline(); }

  sdk::Status Add(std::unique_ptr<Item> item);
  // The first item that can go on, because all its waits are reached or one has failed; with `in_order` the first of
  // all, or null.
  std::unique_ptr<Item> TakeLocked(bool in_order, sdk::Status* failure);
  void Run(std::unique_ptr<Item> item, sdk::Status status, std::unique_lock<std::mutex>& lock);
  Ns BeginLocked(const Item& item) const;
  void Work();  // of the thread

  Scheduler* scheduler_;
  WorkDevice* device_;
  const uint32_t index_;
  // Under the monitor:
  std::deque<std::unique_ptr<Item>> pending_;
  Ns free_at_ = 0;
  bool running_ = false, stop_ = false;
  std::thread thread_;  // with a real clock
};

}  // namespace concord::sim
