#include "backends/cpu/device.h"

#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "backends/cpu/op_rows.h"
#include "backends/cpu/prepared.h"
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

// 0 = unknown.
uint64_t MachineMemoryBytes() {
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
  return pages > 0 && size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(size) : 0;
}

class CpuProgram final : public sdk::Program {
 public:
  CpuProgram(const sdk::Host* host, sdk::TraceSource* trace, const concord_program_desc& desc)
      : host_(host), trace_(trace), graph_(std::make_shared<const sdk::GraphCopy>(desc)) {}

  sdk::Result<std::unique_ptr<sdk::Prepared>> Prepare(const concord_prepare_args& args,
                                                      concord_prepare_result* result) override {
    return CpuPrepared::Make(host_, trace_, graph_, args, result);
  }

 private:
  const sdk::Host* host_;
  sdk::TraceSource* trace_;
  std::shared_ptr<const sdk::GraphCopy> graph_;
};

}  // namespace

void CpuDevice::Describe(concord_device_info* out) {
  static const std::string name = ProcessorName();
  out->name = sdk::ToC(name);
  out->features = sdk::ToC(kernels::IsaName(kernels::BestIsa()));
  out->memory_bytes = MachineMemoryBytes();
  out->max_buffer_bytes = out->memory_bytes;
}

sdk::Support CpuDevice::QueryOp(const sdk::Op& op) { return Ops().Query(op); }

sdk::Result<std::unique_ptr<sdk::Program>> CpuDevice::Compile(const concord_program_desc& desc) {
  return std::unique_ptr<sdk::Program>(std::make_unique<CpuProgram>(&host(), this, desc));
}

uint64_t CpuDevice::TotalMemory() const { return MachineMemoryBytes(); }

}  // namespace concord::cpu
