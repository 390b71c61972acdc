#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string_view>
#include <vector>

#include "backends/sdk/arrays.h"
#include "backends/sdk/objects.h"
#include "backends/sdk/status.h"
#include "concord/plugin.h"
#include "concord/trace.h"

// The extension concord.trace/1 for authors: a device class derives from sdk::Device and TraceSource, asks
// trace_enabled() before it takes times, hands over what it measured with AddTraceEvents(), and its instance answers
//   const void* Extension(std::string_view name) override { return TraceExtension<FooDevice>(name); }
namespace concord::sdk {
inline namespace v0 {

// What a device has done, until the host fetches it. A bounded queue: when nobody fetches, the newest are lost and
// counted. Any thread.
class TraceSource {
 public:
  // 3 MiB while tracing: over 200 steps of a model with 300 ops.
  static constexpr uint32_t kMaxEvents = 1u << 16;

  virtual ~TraceSource() = default;

  // The same moment on both clocks: device_ticks, host_ns, ns_per_tick, uncertainty_ns.
  virtual Status CalibrateTrace(concord_trace_clock* out) = 0;
  // For devices that must prepare something, timestamp queries say; then call this one too.
  virtual Status SetTraceEnabled(bool enabled) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (enabled && events_.empty()) events_.resize(kMaxEvents);
    enabled_.store(enabled, std::memory_order_relaxed);
    return Ok();
  }

  bool trace_enabled() const { return enabled_.load(std::memory_order_relaxed); }

  // Events of work that has ended. Allocates nothing.
  void AddTraceEvents(const concord_trace_event* events, size_t count) {
    std::lock_guard<std::mutex> lock(mutex_);
    const size_t taken = std::min<size_t>(count, events_.size() - size_);
    for (size_t i = 0; i < taken; ++i) events_[(first_ + size_ + i) % kMaxEvents] = events[i];
    size_ += taken;
    dropped_ += count - taken;
  }

  uint32_t ReadTraceEvents(void* out, uint32_t stride_bytes, uint32_t capacity, uint64_t* dropped) {
    std::lock_guard<std::mutex> lock(mutex_);
    const size_t count = std::min<size_t>(capacity, size_);
    const size_t bytes = std::min<size_t>(stride_bytes, sizeof(concord_trace_event));
    for (size_t i = 0; i < count; ++i) {
      std::memcpy(static_cast<char*>(out) + i * stride_bytes, &events_[(first_ + i) % kMaxEvents], bytes);
    }
    first_ = (first_ + count) % kMaxEvents;
    size_ -= count;
    *dropped = dropped_;
    dropped_ = 0;
    return static_cast<uint32_t>(count);
  }

 private:
  std::atomic<bool> enabled_{false};
  std::mutex mutex_;
  std::vector<concord_trace_event> events_;  // a ring; empty until it is first enabled
  size_t first_ = 0;
  size_t size_ = 0;
  uint64_t dropped_ = 0;
};

inline concord_trace_event OpEvent(const Prepared* prepared, uint32_t op_index, uint64_t begin_ticks,
                                   uint64_t end_ticks) {
  return {begin_ticks, end_ticks, 0, HandleOf(prepared), op_index, CONCORD_TRACE_OP, 0, 0};
}

namespace internal {

template <typename DeviceClass>
struct TraceTable {
  static TraceSource* SourceOf(concord_device* device) { return static_cast<DeviceClass*>(ObjectOf(device)); }

  static int32_t SetEnabled(concord_device* device, uint32_t enabled, concord_error* error) {
    return Guarded(error, [&] { return SourceOf(device)->SetTraceEnabled(enabled != 0); });
  }

  static int32_t Calibrate(concord_device* device, concord_trace_clock* out, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      concord_trace_clock clock{};
      clock.struct_size = sizeof(clock);
      Status status = SourceOf(device)->CalibrateTrace(&clock);
      return status.ok() ? Export(clock, out) : status;
    });
  }

  static int32_t Read(concord_device* device, concord_trace_event* out, uint32_t stride_bytes, uint32_t capacity,
                      uint32_t* count, uint64_t* dropped, concord_error* error) {
    return Guarded(error, [&]() -> Status {
      if (count == nullptr || dropped == nullptr || (out == nullptr && capacity != 0)) {
        return Error(CONCORD_INVALID_ARGUMENT, "out, count or dropped is null");
      }
      *count = SourceOf(device)->ReadTraceEvents(out, stride_bytes, capacity, dropped);
      return Ok();
    });
  }
};

}  // namespace internal

// The table of concord.trace/1 for a plugin whose devices are all DeviceClass; null for any other name.
template <typename DeviceClass>
const void* TraceExtension(std::string_view name) {
  static constexpr concord_trace_api api = {
      sizeof(concord_trace_api), 0, &internal::TraceTable<DeviceClass>::SetEnabled,
      &internal::TraceTable<DeviceClass>::Calibrate, &internal::TraceTable<DeviceClass>::Read};
  return name == CONCORD_TRACE_EXTENSION ? &api : nullptr;
}

}  // namespace v0
}  // namespace concord::sdk
