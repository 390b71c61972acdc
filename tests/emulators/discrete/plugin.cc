// A card with memory of its own, emulated: the reference device's arithmetic behind the border of a discrete GPU.
// - Device buffers cannot be mapped and begin with garbage; only staging buffers are host-visible.
// - Constants are always copied; host memory cannot be imported.
// - A second caller in the queue at the same time is an error, as the border says.
// - Work runs on a thread of its own, never on one that waits.
// - Weights come in f32, f16 and q8_0 only; every other packing is refused.
// - Faults come on demand (concord/fault.h): lost devices, memory that runs out, work that fails, copies that get lost.
#include <atomic>
#include <cstring>
#include <thread>

#include "backends/reference/program.h"
#include "concord/fault.h"

namespace concord::discrete {
namespace {

class DeviceMemory final : public sdk::HostBuffer {
 public:
  explicit DeviceMemory(sdk::HostMemory memory) : HostBuffer(std::move(memory)) {
    if (size() != 0) std::memset(data(), 0xFF, size());  // NaN as f32 and f16
  }
  sdk::Result<void*> Map(uint64_t, uint64_t, uint32_t) override {
    return sdk::Error(CONCORD_UNIMPLEMENTED, "this buffer is not host-visible; copy through a staging buffer");
  }
  sdk::Status FlushRange(uint64_t, uint64_t) override {
    return sdk::Error(CONCORD_FAILED_PRECONDITION, "flush of a buffer that cannot be mapped");
  }
};

// Waits as a host thread does that has nothing to do with the work.
class DeviceSemaphore final : public sdk::InlineSemaphore {
 public:
  using InlineSemaphore::InlineSemaphore;
  sdk::Status Wait(uint64_t value, uint64_t timeout_ns) override { return timeline().Wait(value, timeout_ns); }
};

bool TakesWeights(std::string_view packing) { return packing == "f32" || packing == "f16" || packing == "q8_0"; }

class DiscreteDevice final : public sdk::HostDevice {
 public:
  DiscreteDevice(const sdk::Host* host, sdk::InlineScheduler* scheduler)
      : HostDevice(host, scheduler), scheduler_(scheduler) {}

  void Lose() { lost_ = true; }
  void FailAllocations(uint32_t count) { allocations_to_fail_ = count; }
  void FailExecution() { execution_fails_ = true; }
  void LoseCopy() { copy_is_lost_ = true; }

  sdk::Result<std::unique_ptr<sdk::Buffer>> CreateBuffer(const concord_buffer_desc& desc) override {
    sdk::Status status = CheckAllocation(desc.size_bytes);
    if (!status.ok()) return status;
    if (desc.usage == CONCORD_BUFFER_STAGING) return HostDevice::CreateBuffer(desc);
    sdk::Result<sdk::HostMemory> memory =
        sdk::HostMemory::Make(&host(), this->memory(), desc.size_bytes, desc.align_bytes);
    if (!memory.ok()) return memory.status();
    return std::unique_ptr<sdk::Buffer>(std::make_unique<DeviceMemory>(std::move(*memory)));
  }
  sdk::Result<std::unique_ptr<sdk::Buffer>> ImportHost(void* memory, uint64_t size_bytes) override {
    return Device::ImportHost(memory, size_bytes);  // refuses: NOLINT(bugprone-parent-virtual-call)
  }
  sdk::Result<std::unique_ptr<sdk::Semaphore>> CreateSemaphore(uint64_t initial_value) override {
    return std::unique_ptr<sdk::Semaphore>(std::make_unique<DeviceSemaphore>(scheduler_, initial_value));
  }
  sdk::Result<std::unique_ptr<sdk::Constant>> CreateConstant(const concord_constant_desc& desc) override {
    sdk::Status status = CheckAllocation(desc.host_size_bytes);
    if (!status.ok()) return status;
    concord_constant_desc copied = desc;
    copied.flags &= ~static_cast<uint32_t>(CONCORD_CONSTANT_STABLE);
    return HostDevice::CreateConstant(copied);
  }

  sdk::Support QueryOp(const sdk::Op& op) override {
    for (uint32_t s = 0; s < op.n_inputs(); ++s) {
      if (!op.has_input(s) || op.input(s).desc.role != CONCORD_ROLE_CONSTANT) continue;
      const std::string_view packing = op.input(s).packing();
      if (!TakesWeights(packing)) return sdk::No(op.name(), " takes weights in f32, f16 and q8_0, not ", packing);
    }
    return reference::QueryOp(op);
  }
  sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc& desc) override {
    return std::unique_ptr<sdk::Program>(std::make_unique<reference::ReferenceProgram>(desc));
  }

  sdk::Status Submit(const concord_submit_args& args) override {
    return Alone([&] { return HostDevice::Submit(args); });
  }
  sdk::Status Copy(const concord_copy_args& args) override {
    concord_copy_args copied = args;
    if (copy_is_lost_.exchange(false)) copied.size_bytes = 0;
    return Alone([&] { return HostDevice::Copy(copied); });
  }
  sdk::Status Fill(const concord_fill_args& args) override {
    return Alone([&] { return HostDevice::Fill(args); });
  }
  sdk::Status Barrier(const concord_barrier_args& args) override {
    return Alone([&] { return HostDevice::Barrier(args); });
  }

 private:
  template <typename Call>
  sdk::Status Alone(Call call) {
    if (in_queue_.exchange(true)) return sdk::Error(CONCORD_FAILED_PRECONDITION, "two callers at once in one queue");
    std::this_thread::yield();  // makes room for a second caller, if there is one
    const sdk::Status status = call();
    in_queue_.store(false);
    return status;
  }

  sdk::Status CheckLost() const {
    return lost_ ? sdk::Error(CONCORD_UNAVAILABLE, "the card was lost (simulated); close the device") : sdk::Ok();
  }
  sdk::Status CheckAllocation(uint64_t size_bytes) {
    sdk::Status status = CheckLost();
    if (!status.ok() || allocations_to_fail_ == 0) return status;
    --allocations_to_fail_;
    return sdk::Error(CONCORD_RESOURCE_EXHAUSTED, "no memory for ", size_bytes, " bytes (simulated); 0 are free");
  }
  sdk::Status BeforeExecute() override {
    if (!execution_fails_.exchange(false)) return CheckLost();
    sdk::Status status = sdk::Error(CONCORD_DATA_LOSS, "the work went wrong (simulated)");
    status.op_index = 0;
    return status;
  }

  sdk::InlineScheduler* scheduler_;
  std::atomic<bool> in_queue_{false};
  std::atomic<bool> lost_{false};
  std::atomic<bool> execution_fails_{false};
  std::atomic<bool> copy_is_lost_{false};
  std::atomic<uint32_t> allocations_to_fail_{0};
};

DiscreteDevice& Of(concord_device* device) { return *static_cast<DiscreteDevice*>(sdk::ObjectOf(device)); }

constexpr concord_fault_api kFaults = {
    sizeof(concord_fault_api),
    0,
    [](concord_device* device, concord_error*) -> int32_t { return Of(device).Lose(), CONCORD_OK; },
    [](concord_device* device, uint32_t count, concord_error*) -> int32_t {
      return Of(device).FailAllocations(count), CONCORD_OK;
    },
    [](concord_device* device, concord_error*) -> int32_t { return Of(device).FailExecution(), CONCORD_OK; },
    [](concord_device* device, concord_error*) -> int32_t { return Of(device).LoseCopy(), CONCORD_OK; }};

class DiscreteInstance final : public sdk::Instance {
 public:
  explicit DiscreteInstance(const sdk::Host& host)
      : host_(host), stop_(&scheduler_.monitor(), 0), thread_([this] {
          (void)scheduler_.Wait(stop_, 1, CONCORD_WAIT_FOREVER);  // runs whatever becomes ready meanwhile
        }) {}

  static sdk::Result<std::unique_ptr<sdk::Instance>> Create(const sdk::Host& host) {
    return std::unique_ptr<sdk::Instance>(std::make_unique<DiscreteInstance>(host));
  }

  const void* Extension(std::string_view name) override { return name == CONCORD_FAULT_EXTENSION ? &kFaults : nullptr; }

  uint32_t DeviceCount() override { return 1; }

  sdk::Status DeviceInfo(uint32_t, concord_device_info* out) override {
    out->flags = CONCORD_DEVICE_ASYNC;
    out->name = sdk::ToC("emulated card with memory of its own");
    out->kind = sdk::ToC("gpu");
    out->kv_layout = sdk::ToC("kv.paged/1");
    out->max_buffer_bytes = uint64_t{1} << 40;
    out->binding_align_bytes = 256;
    out->constant_align_bytes = 1;
    out->queue_count = 1;
    out->max_partition_ops = UINT32_MAX;
    return sdk::Ok();
  }

  sdk::Result<std::unique_ptr<sdk::Device>> OpenDevice(uint32_t) override {
    return std::unique_ptr<sdk::Device>(std::make_unique<DiscreteDevice>(&host_, &scheduler_));
  }

  sdk::Status Shutdown() override {
    sdk::Status status = stop_.Signal(1);
    thread_.join();
    return status;
  }

 private:
  sdk::Host host_;
  sdk::InlineScheduler scheduler_;
  sdk::Timeline stop_;
  std::thread thread_;
};

}  // namespace
}  // namespace concord::discrete

CONCORD_PLUGIN(discrete, "Concord", concord::discrete::DiscreteInstance)
