#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/hal/buffer.h"
#include "runtime/hal/constant.h"
#include "runtime/hal/device_info.h"
#include "runtime/hal/instance.h"
#include "runtime/hal/program.h"
#include "runtime/hal/semaphore.h"

namespace concord::hal {

class DeviceTrace;
class Staging;

struct Support {
  int32_t level = CONCORD_SUPPORT_NO;  // CONCORD_SUPPORT_*
  std::string reason;                  // for NO and SLOW

  bool ok() const { return level > CONCORD_SUPPORT_NO; }
};

struct SubmitArgs {
  const Prepared* prepared = nullptr;
  absl::Span<const concord_symbol_value> values;
  absl::Span<const concord_binding> bindings;
  absl::Span<const concord_point> waits;
  absl::Span<const concord_point> signals;
  uint32_t queue_index = 0;
};

struct CopyArgs {
  const Buffer* source = nullptr;
  const Buffer* target = nullptr;
  uint64_t source_offset_bytes = 0;
  uint64_t target_offset_bytes = 0;
  uint64_t size_bytes = 0;
  absl::Span<const concord_point> waits;
  absl::Span<const concord_point> signals;
  uint32_t queue_index = 0;
};

struct FillArgs {
  const Buffer* target = nullptr;
  uint64_t offset_bytes = 0;
  uint64_t size_bytes = 0;
  uint32_t pattern = 0;
  absl::Span<const concord_point> waits;
  absl::Span<const concord_point> signals;
  uint32_t queue_index = 0;
};

// Blocks of a state between the device's own layout and kv.paged/1: concord_state_args says more.
struct StateArgs {
  const Buffer* state = nullptr;  // null as `rows` to ask only
  const Buffer* rows = nullptr;
  uint64_t state_offset_bytes = 0;
  uint64_t rows_offset_bytes = 0;
  uint64_t n_blocks = 0;
  int64_t n_kv_heads = 0;
  int64_t block_tokens = 0;
  int64_t d_head = 0;
  concord_type type = {};
  absl::Span<const concord_point> waits;
  absl::Span<const concord_point> signals;
  uint32_t queue_index = 0;
};

// An opened device. Held by shared_ptr: its objects keep it alive, it keeps its instance alive. Calls may come from any
// thread. The border wants one caller at a time a queue: a lock of this object sees to it, so that the copies behind
// Buffer::Write and Read may meet an engine's steps. It is held while work is put into a queue, never while work is
// waited for; without contention it does not show (submit and wait of nothing: 107 ns with and without it on a Xeon
// core, 2026-11). Errors begin with the device's id.
class Device : public std::enable_shared_from_this<Device> {
 public:
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  const DeviceInfo& info() const { return info_; }
  const std::string& id() const { return info_.id; }  // "cpu:0"
  Instance& instance() const { return *instance_; }
  const concord_plugin_api& api() const { return instance_->plugin().api(); }
  concord_device* get() const { return handle_; }
  const std::shared_ptr<Tracer>& tracer() const { return instance_->host().tracer(); }  // null: tracing is off
  // A slice of the host's that concerns this device.
  struct Scope : TraceScope {
    Scope(const Device& device, const char* name, uint64_t bytes = 0) : TraceScope(device.tracer(), name) {
      slice.scope = device.trace_name_;
      slice.bytes = static_cast<int64_t>(bytes);
    }
  };

  absl::StatusOr<concord_memory_stats> MemoryStats() const;
  // Changes whenever compiled artefacts of this device stop fitting; 0 = the device keeps none.
  uint64_t Fingerprint() const;

  absl::StatusOr<Buffer> CreateBuffer(uint64_t size_bytes, int32_t usage = CONCORD_BUFFER_DEVICE,
                                      uint64_t align_bytes = 64) const;
  absl::StatusOr<Buffer> ImportHost(void* memory, uint64_t size_bytes) const;
  // Gives back what Buffer::Write and Read keep for the next transfer.
  void ReleaseStaging() const;
  absl::StatusOr<Semaphore> CreateSemaphore(uint64_t initial_value = 0) const;
  // struct_size is filled in.
  absl::StatusOr<Constant> CreateConstant(concord_constant_desc desc) const;

  absl::StatusOr<Support> QueryOp(const concord_program_desc& program, uint32_t op_index) const;
  // An UNIMPLEMENTED error names the first op that the device declines.
  absl::StatusOr<Program> Compile(const concord_program_desc& desc) const;
  absl::StatusOr<Program> Deserialize(const concord_program_desc& desc, absl::string_view artefact) const;

  absl::Status Submit(const SubmitArgs& args) const;
  absl::Status Copy(const CopyArgs& args) const;
  absl::Status Fill(const FillArgs& args) const;
  // UNIMPLEMENTED where the plugin cannot.
  absl::Status ExportState(const StateArgs& args) const;
  absl::Status ImportState(const StateArgs& args) const;
  absl::Status Barrier(absl::Span<const concord_point> waits, absl::Span<const concord_point> signals,
                       uint32_t queue_index = 0) const;

 private:
  friend class Buffer;  // for staging()
  friend class Instance;
  friend class Program;  // for trace_
  friend class Staging;  // for MakeBuffer and MakeSemaphore
  Device(std::shared_ptr<Instance> instance, DeviceInfo info, concord_device* handle);

  // Objects that keep `keeper` alive: this device, or nothing for what this device owns itself.
  absl::StatusOr<Buffer> MakeBuffer(std::shared_ptr<const Device> keeper, uint64_t size_bytes, int32_t usage,
                                    uint64_t align_bytes) const;
  absl::StatusOr<Semaphore> MakeSemaphore(std::shared_ptr<const Device> keeper, uint64_t initial_value) const;
  Staging& staging() const { return *staging_; }

  void BeginTrace();
  Program MakeProgram(const concord_program_desc& desc, concord_program* program) const;

  absl::Status MoveState(const StateArgs& args, const char* verb,
                         decltype(concord_plugin_api::queue_export_state) call) const;

  std::string Where(absl::string_view what) const { return absl::StrCat(info_.id, ": ", what); }
  absl::Status Missing(absl::string_view what) const;

  std::shared_ptr<Instance> instance_;
  DeviceInfo info_;
  concord_device* handle_;
  mutable std::mutex queue_mutex_;  // around every call of queue_*
  std::unique_ptr<Staging> staging_;
  const char* const trace_name_;        // id() for as long as the process lives
  std::unique_ptr<DeviceTrace> trace_;  // null: tracing is off, or the device has no clock
};

}  // namespace concord::hal
