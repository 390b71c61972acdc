#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "concord/plugin.h"
#include "concord/trace.h"
#include "runtime/base/log.h"
#include "runtime/base/status.h"
#include "runtime/base/tracer.h"

namespace concord::hal {

// The names of a program's ops, as the trace shows them.
struct ProgramNames {
  struct Op {
    const char* name;
    const char* scope;
    const char* arithmetic;
  };
  const char* program;
  std::vector<Op> ops;

  static std::shared_ptr<const ProgramNames> Of(const concord_program_desc& desc);
};

// The line through two readings of the clocks. Where the device's has not moved on, its own rate.
class ClockLine {
 public:
  ClockLine(const concord_trace_clock& from, const concord_trace_clock& to);
  uint64_t HostNs(uint64_t device_ticks) const;

 private:
  uint64_t ticks_, host_ns_;
  double ns_per_tick_;
};

// Brings what a device says of itself (concord.trace/1) into the trace: fetches its events, gives them the names of
// their ops, and maps the device's clock to the host's. The two are read at the beginning and at each flush; between
// two such moments time is interpolated, so that it fits at both however far the clocks drift apart. Any thread.
class DeviceTrace final : public TraceFeed {
 public:
  // Tells the device to record. Errors: those of the plugin. `device` and the table outlive this.
  static absl::StatusOr<std::unique_ptr<DeviceTrace>> Begin(const concord_trace_api* api, concord_device* device,
                                                            const std::string& id, std::shared_ptr<Tracer> tracer,
                                                            LogFn log);
  // Flushes.
  ~DeviceTrace() override;
  DeviceTrace(const DeviceTrace&) = delete;
  DeviceTrace& operator=(const DeviceTrace&) = delete;

  // What `prepared` runs: before it is submitted.
  void AddPrepared(const concord_prepared* prepared, std::shared_ptr<const ProgramNames> names);

  void Drain() override;
  void Flush() override;

 private:
  DeviceTrace(const concord_trace_api* api, concord_device* device, const std::string& id,
              std::shared_ptr<Tracer> tracer, LogFn log);

  absl::StatusOr<concord_trace_clock> ReadClocks() const;
  void DrainLocked();
  void FlushLocked();
  TraceSlice SliceOf(const concord_trace_event& event, const ClockLine& line);
  void NameSlice(const concord_trace_event& event, TraceSlice* slice) const;
  uint32_t TrackOf(uint32_t queue);
  void Complain(const absl::Status& status);

  const concord_trace_api api_;
  concord_device* const device_;
  const std::string id_;
  const std::shared_ptr<Tracer> tracer_;
  const LogFn log_;
  std::mutex mutex_;
  concord_trace_clock last_{};               // of the last flush
  std::vector<concord_trace_event> events_;  // fetched since then: the first count_
  size_t count_ = 0;
  std::unordered_map<const concord_prepared*, std::shared_ptr<const ProgramNames>> programs_;
  std::vector<uint32_t> tracks_;  // by queue
  bool complained_ = false;
};

}  // namespace concord::hal
