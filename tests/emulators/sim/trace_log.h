#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <deque>
#include <mutex>

#include "backends/sdk/status.h"
#include "concord/trace.h"
#include "tests/emulators/sim/config.h"
#include "tests/emulators/sim/queue.h"

namespace concord::sim {

// What a device has done, by its own clock, until the host fetches it. Any thread.
class TraceLog {
 public:
  explicit TraceLog(const DeviceConfig* config) : config_(*config) {}

  void set_enabled(bool enabled) { enabled_ = enabled; }
  bool enabled() const { return enabled_; }

  // What the device's clock shows. It may drift away from what it claims.
  uint64_t Ticks(Ns time) const {
    return static_cast<uint64_t>(
        std::llround(config_.clock_offset + time * (1 + config_.clock_drift) / config_.ns_per_tick));
  }

  // One event, or a submission and its ops.
  void Record(const sdk::Work& work, uint32_t queue_index, Ns begin, const Timing& timing) {
    concord_trace_event event{};
    event.op_index = CONCORD_NONE;
    event.queue_index = queue_index;
    switch (work.kind) {
      case sdk::Work::Kind::kBarrier:
        return;
      case sdk::Work::Kind::kCopy:
        event.kind = CONCORD_TRACE_COPY;
        event.bytes = work.copy.size_bytes;
        break;
      case sdk::Work::Kind::kExportState:
      case sdk::Work::Kind::kImportState:
        event.kind = CONCORD_TRACE_COPY;
        event.bytes = (*sdk::StateBlocks::Of(work.state)).bytes;
        break;
      case sdk::Work::Kind::kFill:
        event.kind = CONCORD_TRACE_FILL;
        event.bytes = work.fill.size_bytes;
        break;
      case sdk::Work::Kind::kSubmit:
        event.kind = CONCORD_TRACE_SUBMISSION;
        event.prepared = reinterpret_cast<concord_prepared*>(work.prepared);
        break;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    AddLocked(event, begin, begin + timing.total);
    event.kind = CONCORD_TRACE_OP;
    Ns at = begin + timing.before_ops;
    for (size_t i = 0; i < timing.ops.size(); ++i) {
      event.op_index = static_cast<uint32_t>(i);
      AddLocked(event, at, at + timing.ops[i]);
      at += timing.ops[i];
    }
  }

  void Read(concord_trace_event* out, uint32_t stride_bytes, uint32_t capacity, uint32_t* count, uint64_t* dropped) {
    std::lock_guard<std::mutex> lock(mutex_);
    *count = static_cast<uint32_t>(std::min<size_t>(capacity, events_.size()));
    for (uint32_t i = 0; i < *count; ++i) {
      std::memcpy(reinterpret_cast<char*>(out) + static_cast<size_t>(i) * stride_bytes, &events_.front(),
                  std::min<size_t>(stride_bytes, sizeof(concord_trace_event)));
      events_.pop_front();
    }
    *dropped = dropped_;
    dropped_ = 0;
  }

 private:
  void AddLocked(concord_trace_event event, Ns begin, Ns end) {
    event.begin_ticks = Ticks(begin);
    event.end_ticks = Ticks(end);
    if (events_.size() < config_.trace_events) {
      events_.push_back(event);
    } else {
      ++dropped_;
    }
  }

  const DeviceConfig& config_;
  std::atomic<bool> enabled_{false};
  std::mutex mutex_;
  std::deque<concord_trace_event> events_;
  uint64_t dropped_ = 0;
};

}  // namespace concord::sim
