#include "tests/emulators/sim/queue.h"

#include <algorithm>

namespace concord::sim {
namespace {

using Callbacks = std::vector<std::pair<uint64_t, sdk::Timeline::Callback>>;  // nobody registers any

}  // namespace

// ---- Semaphore

sdk::Result<uint64_t> Semaphore::Query() {
  scheduler_->RunAll();
  sdk::Result<uint64_t> value = timeline_.Query();
  std::lock_guard<std::mutex> lock(scheduler_->monitor().mutex);
  scheduler_->clock().AdvanceTo(TimeLocked(value.ok() ? *value : UINT64_MAX));
  return value;
}

sdk::Status Semaphore::Signal(uint64_t value) {
  std::lock_guard<std::mutex> lock(scheduler_->monitor().mutex);
  return SignalLocked(value, scheduler_->clock().Now());
}

void Semaphore::Fail(const sdk::Status& reason) {
  std::lock_guard<std::mutex> lock(scheduler_->monitor().mutex);
  FailLocked(reason, scheduler_->clock().Now());
}

sdk::Status Semaphore::SignalLocked(uint64_t value, Ns time) {
  Callbacks due;
  sdk::Status status = timeline_.SignalLocked(value, &due);
  if (status.ok()) BringLocked(value, time);
  return status;
}

void Semaphore::FailLocked(const sdk::Status& reason, Ns time) {
  if (timeline_.FailedLocked()) return;
  Callbacks due;
  timeline_.FailLocked(reason, &due);
  BringLocked(UINT64_MAX, time);
}

void Semaphore::BringLocked(uint64_t value, Ns time) {
  const uint64_t epoch = scheduler_->clock().epoch();
  if (epoch_ != epoch) moments_.clear();
  epoch_ = epoch;
  moments_.push_back({value, moments_.empty() ? time : std::max(time, moments_.back().time)});
}

Ns Semaphore::TimeLocked(uint64_t value) const {
  if (epoch_ != scheduler_->clock().epoch() || moments_.empty()) return 0;
  const auto reached = std::lower_bound(moments_.begin(), moments_.end(), value,
                                        [](const Moment& m, uint64_t wanted) { return m.value < wanted; });
  return reached == moments_.end() ? moments_.back().time : reached->time;
}

// ---- Scheduler

// In virtual time what can be executed has a time, however long that takes here: only for what no work brings does the
// timeout count on the host's clock too, since another thread may bring it.
sdk::Status Scheduler::Wait(Semaphore& semaphore, uint64_t value, uint64_t timeout_ns) {
  if (!clock_.is_virtual()) return semaphore.timeline().Wait(value, timeout_ns);
  const bool forever = timeout_ns >= sdk::Timeline::kLongestTimeoutNs;
  const Ns late = clock_.Now() + static_cast<Ns>(timeout_ns);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::nanoseconds(forever ? 0 : timeout_ns);
  std::unique_lock<std::mutex> lock(monitor_.mutex);
  const sdk::Timeline& timeline = semaphore.timeline();
  for (;;) {
    if (timeline.FailedLocked() || timeline.ReachedLocked(value)) {
      const Ns reached = semaphore.TimeLocked(timeline.FailedLocked() ? UINT64_MAX : value);
      const bool in_time = forever || timeout_ns == 0 || reached <= late;
      clock_.AdvanceTo(in_time ? reached : late);
      if (!in_time) return timeline.Late(value);
      return timeline.FailedLocked() ? timeline.FailureLocked() : sdk::Ok();
    }
    if (RunOne(lock)) continue;
    if (forever) {
      monitor_.changed.wait(lock);
    } else if (monitor_.changed.wait_until(lock, deadline) == std::cv_status::timeout && !timeline.FailedLocked() &&
               !timeline.ReachedLocked(value)) {
      clock_.AdvanceTo(late);
      return timeline.Late(value);
    }
  }
}

void Scheduler::RunAll() {
  if (!clock_.is_virtual()) return;
  std::unique_lock<std::mutex> lock(monitor_.mutex);
  while (RunOne(lock)) {
  }
}

Ns Scheduler::FreeAt() {
  RunAll();
  std::lock_guard<std::mutex> lock(monitor_.mutex);
  Ns free_at = 0;
  for (const Queue* queue : queues_) free_at = std::max(free_at, queue->free_at_);
  return free_at;
}

sdk::Status Scheduler::Reset() {
  RunAll();
  std::lock_guard<std::mutex> lock(monitor_.mutex);
  for (const Queue* queue : queues_) {
    if (queue->running_ || !queue->pending_.empty()) {
      return sdk::Error(CONCORD_FAILED_PRECONDITION,
                        "a queue has unfinished work; wait for it before time begins anew");
    }
  }
  for (Queue* queue : queues_) queue->free_at_ = 0;
  clock_.Reset();
  return sdk::Ok();
}

bool Scheduler::RunOne(std::unique_lock<std::mutex>& lock, Queue* only) {
  bool running = false;
  for (const bool in_order : {true, false}) {
    if (!in_order && running && only == nullptr) return false;  // what another thread executes may be what is missing
    for (Queue* queue : queues_) {
      if (only != nullptr && queue != only) continue;
      running = running || queue->running_;
      if (queue->running_) continue;
      sdk::Status failure;
      std::unique_ptr<Queue::Item> item = queue->TakeLocked(in_order, &failure);
      if (item == nullptr) continue;
      queue->Run(std::move(item), std::move(failure), lock);
      return true;
    }
  }
  return false;
}

// ---- Queue

Queue::Queue(Scheduler* scheduler, WorkDevice* device, uint32_t index)
    : scheduler_(scheduler), device_(device), index_(index) {
  std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
  scheduler_->queues_.push_back(this);
  if (!scheduler_->clock_.is_virtual()) thread_ = std::thread([this] { Work(); });
}

Queue::~Queue() {
  {
    std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
    auto& queues = scheduler_->queues_;
    queues.erase(std::remove(queues.begin(), queues.end(), this), queues.end());
    stop_ = true;
    scheduler_->monitor_.changed.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Queue::Work() {
  std::unique_lock<std::mutex> lock(scheduler_->monitor_.mutex);
  while (!stop_) {
    if (!scheduler_->RunOne(lock, this)) scheduler_->monitor_.changed.wait(lock);
  }
}

bool Queue::Busy() {
  scheduler_->RunAll();
  std::lock_guard<std::mutex> lock(scheduler_->monitor_.mutex);
  return running_ || !pending_.empty();
}

sdk::Status Queue::Add(std::unique_ptr<Item> item) {
  item->submitted = scheduler_->clock_.Now();
  item->recorded = device_->Recording();
  std::unique_lock<std::mutex> lock(scheduler_->monitor_.mutex);
  while (pending_.size() >= kMaxPending && scheduler_->clock_.is_virtual() && scheduler_->RunOne(lock)) {
  }
  if (pending_.size() >= kMaxPending) {
    return sdk::Error(CONCORD_RESOURCE_EXHAUSTED, "the queue is full: ", kMaxPending,
                      " items are pending; wait for one of their signals");
  }
  pending_.push_back(std::move(item));
  scheduler_->monitor_.changed.notify_all();
  return sdk::Ok();
}

std::unique_ptr<Queue::Item> Queue::TakeLocked(bool in_order, sdk::Status* failure) {
  for (auto it = pending_.begin(); it != pending_.end(); ++it) {
    bool ready = true;
    for (const concord_point& wait : (*it)->work.waits) {
      const sdk::Timeline& timeline = TimelineOf(wait);
      if (timeline.FailedLocked()) {
        *failure = timeline.FailureLocked();
        ready = true;
        break;
      }
      if (!timeline.ReachedLocked(wait.value)) ready = false;
    }
    if (ready) {
      std::unique_ptr<Item> item = std::move(*it);
      pending_.erase(it);
      return item;
    }
    if (in_order) return nullptr;
  }
  return nullptr;
}

Ns Queue::BeginLocked(const Item& item) const {
  Ns begin = std::max(free_at_, item.submitted);
  for (const concord_point& wait : item.work.waits) {
    begin = std::max(begin, SemaphoreOf(wait).TimeLocked(TimelineOf(wait).FailedLocked() ? UINT64_MAX : wait.value));
  }
  return begin;
}

void Queue::Run(std::unique_ptr<Item> item, sdk::Status status, std::unique_lock<std::mutex>& lock) {
  const Ns begin = BeginLocked(*item);
  Timing timing;
  if (status.ok()) {
    running_ = true;
    lock.unlock();
    try {
      status = device_->Execute(item->work, &timing);
    } catch (const std::exception& e) {
      status = sdk::Error(CONCORD_INTERNAL, "execution threw: ", e.what());
    }
    if (!scheduler_->clock_.is_virtual()) {  // what takes longer to compute than simulated is as late as that
      timing.total = std::max(timing.total, scheduler_->clock_.Now() - begin);
      scheduler_->clock_.WaitUntil(begin + timing.total);
    }
    if (status.ok() && item->recorded) device_->Record(item->work, index_, begin, timing);
    lock.lock();
    running_ = false;
  }
  const Ns end = begin + timing.total;
  free_at_ = std::max(free_at_, end);
  for (const concord_point& signal : item->work.signals) {
    Semaphore& semaphore = SemaphoreOf(signal);
    const sdk::Status signalled = status.ok() ? semaphore.SignalLocked(signal.value, end) : status;
    if (!signalled.ok()) semaphore.FailLocked(signalled, end);
  }
  // Another thread may wait for the queue to become free rather than for these signals.
  scheduler_->monitor_.changed.notify_all();
}

}  // namespace concord::sim
