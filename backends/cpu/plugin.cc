#include <fstream>
#include <memory>
#include <string>

#include "backends/cpu/device.h"
#include "backends/sdk/sdk.h"
#include "kernels/cpu/isa.h"

namespace concord::cpu {
namespace {

// "model name : AMD EPYC 9B14" on x86; other architectures have no such line.
std::string ProcessorName() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "CPU";
}

class CpuInstance final : public sdk::Instance {
 public:
  explicit CpuInstance(const sdk::Host& host) : host_(host), name_(ProcessorName()) {}

  static sdk::Result<std::unique_ptr<sdk::Instance>> Create(const sdk::Host& host) {
    return std::unique_ptr<sdk::Instance>(std::make_unique<CpuInstance>(host));
  }

  uint32_t DeviceCount() override { return 1; }

  sdk::Status DeviceInfo(uint32_t, concord_device_info* out) override {
    out->flags = CONCORD_DEVICE_ASYNC | CONCORD_DEVICE_EXECUTES_IN_WAIT | CONCORD_DEVICE_SHARES_HOST_CORES |
                 CONCORD_DEVICE_HOST_MEMORY;
    out->name = sdk::ToC(name_);
    out->kind = sdk::ToC("cpu");
    out->features = sdk::ToC(kernels::IsaName(kernels::BestIsa()));
    out->kv_layout = sdk::ToC("kv.paged/1");
    out->memory_bytes = MachineMemoryBytes();
    out->max_buffer_bytes = out->memory_bytes;
    out->binding_align_bytes = 64;
    out->constant_align_bytes = 1;  // kernels read blocks wherever they lie
    out->queue_count = 1;
    out->max_partition_ops = UINT32_MAX;
    return sdk::Ok();
  }

  sdk::Result<std::unique_ptr<sdk::Device>> OpenDevice(uint32_t) override {
    return std::unique_ptr<sdk::Device>(std::make_unique<CpuDevice>(&host_, &scheduler_));
  }

 private:
  sdk::Host host_;
  sdk::InlineScheduler scheduler_;
  std::string name_;
};

}  // namespace
}  // namespace concord::cpu

CONCORD_PLUGIN(cpu, "Concord", concord::cpu::CpuInstance)
