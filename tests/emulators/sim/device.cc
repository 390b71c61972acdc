#include "tests/emulators/sim/device.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/emulators/sim/layout.h"

namespace concord::sim {
namespace {

// Memory that the host cannot see; what nobody has written is NaN, as f32 and f16.
class DeviceMemory final : public sdk::HostBuffer {
 public:
  explicit DeviceMemory(sdk::HostMemory memory) : HostBuffer(std::move(memory)) {
    if (size() != 0) std::memset(data(), 0xFF, size());
  }
  sdk::Result<void*> Map(uint64_t, uint64_t, uint32_t) override {
    return sdk::Error(CONCORD_UNIMPLEMENTED, "this buffer is not host-visible; copy through a staging buffer");
  }
  sdk::Status FlushRange(uint64_t, uint64_t) override {
    return sdk::Error(CONCORD_FAILED_PRECONDITION, "flush of a buffer that cannot be mapped");
  }
};

bool Fits(const OpPattern& pattern, const sdk::Op& op) {
  if (!pattern.op.empty() && pattern.op != op.name()) return false;
  bool fits = pattern.packing.empty();
  for (uint32_t i = 0; i < op.n_inputs(); ++i) fits = fits || op.input(i).packing() == pattern.packing;
  return fits;
}

Ns Transfer(double latency, uint64_t bytes, double per_second) {
  return (latency + (per_second > 0 ? static_cast<double>(bytes) / per_second : 0)) * 1e9;
}

void Move(const concord_copy_args& copy) {
  if (copy.size_bytes == 0) return;
  std::memmove(sdk::HostBufferOf(copy.target)->data() + copy.target_offset_bytes,
               sdk::HostBufferOf(copy.source)->data() + copy.source_offset_bytes, copy.size_bytes);
}

void Write(const concord_fill_args& fill) {
  char* const target = sdk::HostBufferOf(fill.target)->data() + fill.offset_bytes;
  for (uint64_t i = 0; i < fill.size_bytes; i += 4) std::memcpy(target + i, &fill.pattern, 4);
}

// Between this device's layout and kv.paged/1, which are each other's transposes. `plain`: as if they were the same.
void MoveState(const sdk::Work& work, bool plain) {
  const concord_state_args& args = work.state;
  const sdk::StateBlocks sizes = *sdk::StateBlocks::Of(args);
  auto heads = static_cast<size_t>(args.n_kv_heads), tokens = static_cast<size_t>(args.block_tokens);
  if (plain) tokens *= std::exchange(heads, 1);  // the transpose of a single row
  char* own = sdk::HostBufferOf(args.state)->data() + args.state_offset_bytes;
  char* rows = sdk::HostBufferOf(args.rows)->data() + args.rows_offset_bytes;
  for (uint64_t b = 0; b < args.n_blocks; ++b, own += sizes.block_bytes, rows += sizes.block_bytes) {
    if (work.kind == sdk::Work::Kind::kExportState) {
      TransposeRows(own, tokens, heads, sizes.row_bytes, rows);
    } else {
      TransposeRows(rows, heads, tokens, sizes.row_bytes, own);
    }
  }
}

}  // namespace

SimDevice::SimDevice(const sdk::Host* host, Scheduler* scheduler, DeviceConfig config)
    : host_(host),
      scheduler_(scheduler),
      context_{std::move(config), {}},
      queues_{{scheduler, this, 0}, {scheduler, this, 1}} {}

void SimDevice::Describe(const DeviceConfig& config, concord_device_info* out) {
  if (config.async) out->flags |= CONCORD_DEVICE_ASYNC;
  if (config.shares_host_cores) out->flags |= CONCORD_DEVICE_SHARES_HOST_CORES;
  if (config.host_memory) out->flags |= CONCORD_DEVICE_HOST_MEMORY;
  out->name = sdk::ToC(config.name);
  out->kind = sdk::ToC(config.kind);
  out->driver = sdk::ToC("simulation");
  out->kv_layout = sdk::ToC(config.kv_layout);
  out->memory_bytes = config.memory;
  out->max_buffer_bytes = config.max_buffer;
  out->binding_align_bytes = 256;
  out->constant_align_bytes = 1;
  out->queue_count = kQueues;
  out->max_partition_ops = static_cast<uint32_t>(config.max_partition_ops);
}

sdk::Status SimDevice::MemoryStats(concord_memory_stats* out) {
  out->used_bytes = memory_.used();
  out->peak_bytes = memory_.peak();
  out->total_bytes = config().memory;
  out->free_bytes = out->total_bytes - std::min(out->used_bytes, out->total_bytes);
  return sdk::Ok();
}

sdk::Status SimDevice::CheckLost() const {
  return lost_ ? sdk::Error(CONCORD_UNAVAILABLE, "the device was lost (simulated); close it") : sdk::Ok();
}

sdk::Status SimDevice::CheckAllocation(uint64_t size_bytes, bool on_device) {
  sdk::Status status = CheckLost();
  if (!status.ok()) return status;
  uint64_t free = config().memory - std::min(memory_.used(), config().memory);
  if (allocations_to_fail_ > 0) {
    --allocations_to_fail_;
    free = 0;
  } else if (!on_device || size_bytes <= free) {
    return sdk::Ok();
  }
  return sdk::Error(CONCORD_RESOURCE_EXHAUSTED, "no memory for ", size_bytes, " bytes: ", free, " of ", config().memory,
                    " are free");
}

sdk::Result<std::unique_ptr<sdk::Buffer>> SimDevice::CreateBuffer(const concord_buffer_desc& desc) {
  std::lock_guard<std::mutex> lock(allocation_mutex_);
  const bool staging = desc.usage == CONCORD_BUFFER_STAGING;
  if (desc.size_bytes > config().max_buffer) {
    return sdk::Error(CONCORD_RESOURCE_EXHAUSTED, "a buffer of ", desc.size_bytes, " bytes: the largest has ",
                      config().max_buffer);
  }
  sdk::Status status = CheckAllocation(desc.size_bytes, !staging);
  if (!status.ok()) return status;
  sdk::Result<sdk::HostMemory> memory =
      sdk::HostMemory::Make(host_, staging ? &staging_ : &memory_, desc.size_bytes, desc.align_bytes);
  if (!memory.ok()) return memory.status();
  if (staging || config().host_memory) {
    return std::unique_ptr<sdk::Buffer>(std::make_unique<sdk::HostBuffer>(std::move(*memory)));
  }
  return std::unique_ptr<sdk::Buffer>(std::make_unique<DeviceMemory>(std::move(*memory)));
}

sdk::Result<std::unique_ptr<sdk::Buffer>> SimDevice::ImportHost(void* memory, uint64_t size_bytes) {
  if (!config().host_memory) return Device::ImportHost(memory, size_bytes);
  return std::unique_ptr<sdk::Buffer>(std::make_unique<sdk::HostBuffer>(memory, size_bytes));
}

sdk::Result<std::unique_ptr<sdk::Semaphore>> SimDevice::CreateSemaphore(uint64_t initial_value) {
  return std::unique_ptr<sdk::Semaphore>(std::make_unique<Semaphore>(scheduler_, initial_value));
}

sdk::Result<std::unique_ptr<sdk::Constant>> SimDevice::CreateConstant(const concord_constant_desc& desc) {
  std::lock_guard<std::mutex> lock(allocation_mutex_);
  concord_constant_desc kept = desc;
  if (!config().host_memory) kept.flags &= ~static_cast<uint32_t>(CONCORD_CONSTANT_STABLE);
  const bool copied = (kept.flags & CONCORD_CONSTANT_STABLE) == 0;
  sdk::Status status = CheckAllocation(desc.host_size_bytes, copied);
  if (!status.ok()) return status;
  return sdk::HostConstant::Make(host_, &memory_, kept);
}

sdk::Support SimDevice::QueryOp(const sdk::Op& op) {
  const auto& arithmetics = config().arithmetics;
  if (std::find(arithmetics.begin(), arithmetics.end(), op.arithmetic()) == arithmetics.end()) {
    return sdk::No(op.name(), " in arithmetic ", op.arithmetic(), " is not among those simulated (arithmetics)");
  }
  for (const OpPattern& pattern : config().refuse) {
    if (!Fits(pattern, op)) continue;
    const std::string_view with = pattern.packing.empty() ? "" : " with ";
    return sdk::No(op.name(), with, pattern.packing, " is refused by the simulation (refuse)");
  }
  sdk::Support support = reference::QueryOp(op);
  return support.ok() ? sdk::Supported() : support;  // simulated, it is as fast as it says
}

sdk::Result<std::unique_ptr<sdk::Program>> SimDevice::Compile(const concord_program_desc& desc) {
  return std::unique_ptr<sdk::Program>(std::make_unique<SimProgram>(&context_, desc));
}

sdk::Status SimDevice::CheckStateMoves() const {
  if (config().own_layout() && config().state_moves) return sdk::Ok();
  return sdk::Error(CONCORD_UNIMPLEMENTED, "the simulation keeps ", config().kv_layout, " to itself");
}

bool SimDevice::Busy() { return queues_[0].Busy() || queues_[1].Busy(); }

sdk::Status SimDevice::CheckFaults(const sdk::Work& work) {
  if (execution_fails_.exchange(false)) {
    sdk::Status status = sdk::Error(CONCORD_DATA_LOSS, "the work went wrong (simulated)");
    status.op_index = 0;
    return status;
  }
  if (work.kind == sdk::Work::Kind::kSubmit && submissions_.fetch_add(1) >= config().lose_after) Lose();
  return CheckLost();
}

sdk::Status SimDevice::Execute(const sdk::Work& work, Timing* timing) {
  sdk::Status status = CheckFaults(work);
  if (!status.ok()) return status;
  if (work.kind == sdk::Work::Kind::kSubmit) return static_cast<SimPrepared*>(work.prepared)->Execute(work, timing);
  std::lock_guard<std::mutex> lock(context_.memory_mutex);
  if (work.kind == sdk::Work::Kind::kCopy) {
    timing->total = Transfer(config().copy_latency, work.copy.size_bytes, config().copy_bandwidth);
    Move(work.copy);
  } else if (work.kind == sdk::Work::Kind::kFill) {
    timing->total = Transfer(config().launch, work.fill.size_bytes, config().bandwidth);
    Write(work.fill);
  } else if (work.kind == sdk::Work::Kind::kExportState || work.kind == sdk::Work::Kind::kImportState) {
    ExecuteStateMove(work, timing);
  }
  return sdk::Ok();
}

void SimDevice::ExecuteStateMove(const sdk::Work& work, Timing* timing) {
  timing->total = Transfer(config().copy_latency, (*sdk::StateBlocks::Of(work.state)).bytes, config().copy_bandwidth);
  MoveState(work, config().state_fault == "plain");
  SpoilStateMove(work);
  if (work.kind == sdk::Work::Kind::kImportState && ++imports_ == config().corrupt_import) {
    sdk::HostBufferOf(work.state.state)->data()[work.state.state_offset_bytes] ^= 1;
  }
}

void SimDevice::SpoilStateMove(const sdk::Work& work) {
  const sdk::StateBlocks sizes = *sdk::StateBlocks::Of(work.state);
  const bool exporting = work.kind == sdk::Work::Kind::kExportState;
  if (config().state_fault == "swap" && exporting) {
    char* const rows = sdk::HostBufferOf(work.state.rows)->data() + work.state.rows_offset_bytes;
    for (uint64_t at = 0; at < sizes.bytes; at += sizes.block_bytes) {
      std::swap_ranges(rows + at, rows + at + sizes.row_bytes, rows + at + sizes.block_bytes - sizes.row_bytes);
    }
  }
  if (config().state_fault == "spill" && !exporting) {
    sdk::HostBuffer* const state = sdk::HostBufferOf(work.state.state);
    const uint64_t end = work.state.state_offset_bytes + sizes.bytes;
    if (end < state->size()) state->data()[end] ^= 1;
  }
}

}  // namespace concord::sim
