#pragma once

#include "backends/sdk/sdk.h"

namespace concord::cpu {

// The cores of the host. Work runs in the thread that waits, with the workers of the host's parallel_run.
class CpuDevice final : public sdk::HostDevice {
 public:
  using sdk::HostDevice::HostDevice;

  static void Describe(concord_device_info* out);
  sdk::Support QueryOp(const sdk::Op& op) override;
  sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc& desc) override;

 protected:
  uint64_t TotalMemory() const override;
};

}  // namespace concord::cpu
