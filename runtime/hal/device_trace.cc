#include "runtime/hal/device_trace.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "runtime/base/intern.h"
#include "runtime/hal/import.h"
#include "runtime/hal/status.h"

namespace concord::hal {
namespace {

// 3 MiB while tracing. More is flushed, which costs two readings of a clock.
constexpr size_t kMaxEvents = size_t{1} << 16;
// A queue number comes from the plugin and counts tracks.
constexpr uint32_t kMaxQueues = 256;
constexpr size_t kSlicesAtOnce = 64;  // on the stack
constexpr int kClockReadings = 7;
constexpr uint64_t kFastReadingNs = 1000;

const char* Interned(concord_string text) {
  const char* interned = text.data == nullptr ? nullptr : Intern(absl::string_view(text.data, text.size_bytes));
  return interned == nullptr ? "" : interned;
}

}  // namespace

std::shared_ptr<const ProgramNames> ProgramNames::Of(const concord_program_desc& desc) {
  auto names = std::make_shared<ProgramNames>();
  names->program = Interned(desc.name);
  for (uint32_t i = 0; i < desc.ops.count; ++i) {
    concord_op_desc op{};
    std::memcpy(&op, static_cast<const char*>(desc.ops.data) + static_cast<size_t>(i) * desc.ops.stride_bytes,
                std::min<size_t>(desc.ops.stride_bytes, sizeof(op)));
    names->ops.push_back({Interned(op.name), Interned(op.scope), Interned(op.arithmetic)});
  }
  return names;
}

ClockLine::ClockLine(const concord_trace_clock& from, const concord_trace_clock& to)
    : ticks_(from.device_ticks), host_ns_(from.host_ns), ns_per_tick_(from.ns_per_tick) {
  const auto ticks = static_cast<int64_t>(to.device_ticks - from.device_ticks);
  const auto ns = static_cast<int64_t>(to.host_ns - from.host_ns);
  if (ticks > 0 && ns > 0) ns_per_tick_ = static_cast<double>(ns) / static_cast<double>(ticks);
}

uint64_t ClockLine::HostNs(uint64_t device_ticks) const {
  const auto ticks = static_cast<double>(static_cast<int64_t>(device_ticks - ticks_));
  return host_ns_ + static_cast<uint64_t>(std::llround(ticks * ns_per_tick_));
}

DeviceTrace::DeviceTrace(const concord_trace_api* api, concord_device* device, const std::string& id,
                         std::shared_ptr<Tracer> tracer, LogFn log)
    : api_(Import(api)),
      device_(device),
      id_(id),
      tracer_(std::move(tracer)),
      log_(std::move(log)),
      events_(kMaxEvents) {}

absl::StatusOr<std::unique_ptr<DeviceTrace>> DeviceTrace::Begin(const concord_trace_api* api, concord_device* device,
                                                                const std::string& id, std::shared_ptr<Tracer> tracer,
                                                                LogFn log) {
  auto trace = std::unique_ptr<DeviceTrace>(new DeviceTrace(api, device, id, std::move(tracer), std::move(log)));
  if (trace->api_.set_enabled == nullptr || trace->api_.calibrate == nullptr || trace->api_.read == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(id, ": " CONCORD_TRACE_EXTENSION " lacks a function"));
  }
  concord_error error = NoError();
  CONCORD_RETURN_IF_ERROR(
      ToStatus(trace->api_.set_enabled(device, 1, &error), error, absl::StrCat(id, ": begin of the trace")));
  CONCORD_ASSIGN_OR_RETURN(trace->last_, trace->ReadClocks());
  trace->TrackOf(0);  // devices stand in the order in which they were opened, whoever works first
  trace->tracer_->Attach(trace.get());
  return trace;
}

DeviceTrace::~DeviceTrace() {
  tracer_->Detach(this);
  concord_error error = NoError();
  if (api_.set_enabled != nullptr) (void)api_.set_enabled(device_, 0, &error);
  if (last_.struct_size != 0) Flush();
}

// A thread that is put off between its two readings gives a pair that does not belong together: of a few pairs the one
// that was read fastest is taken.
absl::StatusOr<concord_trace_clock> DeviceTrace::ReadClocks() const {
  concord_trace_clock clock{};
  uint64_t fastest_ns = UINT64_MAX;
  for (int i = 0; i < kClockReadings && fastest_ns > kFastReadingNs; ++i) {
    concord_error error = NoError();
    concord_trace_clock pair = Sized<concord_trace_clock>();
    const uint64_t begin = Tracer::NowNs();
    CONCORD_RETURN_IF_ERROR(ToStatus(api_.calibrate(device_, &pair, &error), error, absl::StrCat(id_, ": its clock")));
    const uint64_t took_ns = Tracer::NowNs() - begin;
    if (took_ns < fastest_ns) clock = pair, fastest_ns = took_ns;
  }
  if (!(clock.ns_per_tick > 0) || !std::isfinite(clock.ns_per_tick)) {
    return absl::InternalError(absl::StrCat(id_, ": its clock moves by ", clock.ns_per_tick, " ns a tick"));
  }
  return clock;
}

void DeviceTrace::AddPrepared(const concord_prepared* prepared, std::shared_ptr<const ProgramNames> names) {
  std::lock_guard<std::mutex> lock(mutex_);
  // The address may have been another program's, whose last events are still to be named.
  if (programs_.count(prepared) != 0) {
    DrainLocked();
    FlushLocked();
  }
  programs_[prepared] = std::move(names);
}

void DeviceTrace::Drain() {
  std::lock_guard<std::mutex> lock(mutex_);
  DrainLocked();
}

void DeviceTrace::Flush() {
  std::lock_guard<std::mutex> lock(mutex_);
  DrainLocked();
  FlushLocked();
}

void DeviceTrace::DrainLocked() {
  while (true) {
    const auto room = static_cast<uint32_t>(events_.size() - count_);
    uint32_t count = 0;
    uint64_t dropped = 0;
    concord_error error = NoError();
    const int32_t code =
        api_.read(device_, events_.data() + count_, sizeof(concord_trace_event), room, &count, &dropped, &error);
    if (code != CONCORD_OK) return Complain(ToStatus(code, error, absl::StrCat(id_, ": its trace")));
    tracer_->CountDropped(dropped);
    count_ += std::min(count, room);
    if (count < room) return;
    FlushLocked();
  }
}

void DeviceTrace::FlushLocked() {
  if (count_ == 0) return;
  const absl::StatusOr<concord_trace_clock> now = ReadClocks();
  if (!now.ok()) Complain(now.status());
  const ClockLine line(last_, now.ok() ? *now : last_);
  for (size_t begin = 0; begin < count_; begin += kSlicesAtOnce) {
    TraceSlice slices[kSlicesAtOnce];
    const size_t end = std::min(begin + kSlicesAtOnce, count_);
    for (size_t i = begin; i < end; ++i) slices[i - begin] = SliceOf(events_[i], line);
    tracer_->Add({slices, end - begin});
  }
  count_ = 0;
  if (now.ok()) last_ = *now;
}

TraceSlice DeviceTrace::SliceOf(const concord_trace_event& event, const ClockLine& line) {
  TraceSlice slice;
  slice.begin_ns = line.HostNs(event.begin_ticks);
  slice.end_ns = std::max(slice.begin_ns, line.HostNs(event.end_ticks));
  slice.bytes = static_cast<int64_t>(event.bytes);
  slice.track = TrackOf(event.queue_index);
  NameSlice(event, &slice);
  return slice;
}

void DeviceTrace::NameSlice(const concord_trace_event& event, TraceSlice* slice) const {
  slice->leaf = event.kind != CONCORD_TRACE_SUBMISSION;
  if (event.kind == CONCORD_TRACE_COPY || event.kind == CONCORD_TRACE_FILL) {
    slice->name = event.kind == CONCORD_TRACE_COPY ? "copy" : "fill";
    return;
  }
  slice->name = event.kind == CONCORD_TRACE_OP ? "op" : "submission";
  const auto entry = programs_.find(event.prepared);
  if (entry == programs_.end()) return;
  const ProgramNames& names = *entry->second;
  if (event.kind == CONCORD_TRACE_SUBMISSION) {
    slice->name = names.program;
  } else if (event.kind == CONCORD_TRACE_OP && event.op_index < names.ops.size()) {
    const ProgramNames::Op& op = names.ops[event.op_index];
    slice->name = op.name;
    slice->scope = op.scope;
    slice->arithmetic = op.arithmetic;
    slice->op = static_cast<int32_t>(event.op_index);
  }
}

uint32_t DeviceTrace::TrackOf(uint32_t queue) {
  queue = std::min(queue, kMaxQueues - 1);
  while (tracks_.size() <= queue) {
    tracks_.push_back(tracer_->Track(id_, absl::StrCat("queue ", tracks_.size())));
  }
  return tracks_[queue];
}

// A trace that misses something is said once; the work goes on.
void DeviceTrace::Complain(const absl::Status& status) {
  if (std::exchange(complained_, true) || !log_) return;
  log_(LogLevel::kWarning, absl::StrCat(status.message(), "; the trace misses what this device did"));
}

}  // namespace concord::hal
