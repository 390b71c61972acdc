#include "backends/cpu/device.h"

#include <unistd.h>

#include <memory>
#include <utility>

#include "backends/cpu/op_rows.h"
#include "backends/cpu/prepared.h"

namespace concord::cpu {
namespace {

class CpuProgram final : public sdk::Program {
 public:
  CpuProgram(const sdk::Host* host, const concord_program_desc& desc)
      : host_(host), graph_(std::make_shared<const sdk::GraphCopy>(desc)) {}

  sdk::Result<std::unique_ptr<sdk::Prepared>> Prepare(const concord_prepare_args& args,
                                                      concord_prepare_result* result) override {
    return CpuPrepared::Make(host_, graph_, args, result);
  }

 private:
  const sdk::Host* host_;
  std::shared_ptr<const sdk::GraphCopy> graph_;
};

}  // namespace

sdk::Support CpuDevice::QueryOp(const sdk::Op& op) { return Ops().Query(op); }

sdk::Result<std::unique_ptr<sdk::Program>> CpuDevice::Compile(const concord_program_desc& desc) {
  return std::unique_ptr<sdk::Program>(std::make_unique<CpuProgram>(&host(), desc));
}

uint64_t CpuDevice::TotalMemory() const { return MachineMemoryBytes(); }

uint64_t MachineMemoryBytes() {
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
  return pages > 0 && size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(size) : 0;
}

}  // namespace concord::cpu
