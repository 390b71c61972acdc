// The null plugin: a whole plugin that has memory, semaphores and a queue, and no op. Copy it to begin a new one.
#include "backends/sdk/sdk.h"

namespace concord::null {
namespace {

// 1. The ops: see README.md. QueryOp and Compile would read one table of rows (sdk/op_table.h).
class NullProgram final : public sdk::Program {
 public:
  sdk::Result<std::unique_ptr<sdk::Prepared>> Prepare(const concord_prepare_args& args,
                                                      concord_prepare_result* result) override;
};

class NullPrepared final : public sdk::HostPrepared {
 public:
  sdk::Status Check(const sdk::Work&) override { return sdk::Ok(); }
  // A program that this device accepts has no op, so there is nothing to do.
  sdk::Status Execute(const sdk::Work&) override { return sdk::Ok(); }
};

sdk::Result<std::unique_ptr<sdk::Prepared>> NullProgram::Prepare(const concord_prepare_args& args,
                                                                 concord_prepare_result* result) {
  result->workspace_bytes = args.planned_bytes;
  result->workspace_align_bytes = 64;
  return std::unique_ptr<sdk::Prepared>(std::make_unique<NullPrepared>());
}

// 2. The device. HostDevice computes on host threads over host memory; a chip with memory and queues of its own derives
// from sdk::Device and implements those calls too.
class NullDevice final : public sdk::HostDevice {
 public:
  using sdk::HostDevice::HostDevice;

  static void Describe(concord_device_info* out) { out->name = sdk::ToC("null device"); }

  sdk::Support QueryOp(const sdk::Op& op) override {
    return sdk::No("the null device computes nothing, not ", op.name());
  }
  sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc&) override {
    return std::unique_ptr<sdk::Program>(std::make_unique<NullProgram>());
  }
};

}  // namespace
}  // namespace concord::null

// 3. The instance: finds devices and opens them. HostInstance has one device, on the host; a chip derives from
// sdk::Instance, opens its driver in Create, and returns UNAVAILABLE with what is missing and how to get it.
using NullInstance = concord::sdk::HostInstance<concord::null::NullDevice>;
CONCORD_PLUGIN(null, "Concord", NullInstance)
