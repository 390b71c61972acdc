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

  sdk::Support QueryOp(const sdk::Op& op) override {
    return sdk::No("the null device computes nothing, not ", op.name());
  }
  sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc&) override {
    return std::unique_ptr<sdk::Program>(std::make_unique<NullProgram>());
  }
};

// 3. The instance: finds devices and opens them.
class NullInstance final : public sdk::Instance {
 public:
  explicit NullInstance(const sdk::Host& host) : host_(host) {}

  // A chip opens its driver here, and returns UNAVAILABLE with what is missing and how to get it.
  static sdk::Result<std::unique_ptr<sdk::Instance>> Create(const sdk::Host& host) {
    return std::unique_ptr<sdk::Instance>(std::make_unique<NullInstance>(host));
  }

  uint32_t DeviceCount() override { return 1; }

  sdk::Status DeviceInfo(uint32_t, concord_device_info* out) override {
    out->flags = CONCORD_DEVICE_ASYNC | CONCORD_DEVICE_EXECUTES_IN_WAIT | CONCORD_DEVICE_SHARES_HOST_CORES |
                 CONCORD_DEVICE_HOST_MEMORY;
    out->name = sdk::ToC("null device");
    out->kind = sdk::ToC("cpu");
    out->kv_layout = sdk::ToC("kv.paged/1");
    out->max_buffer_bytes = uint64_t{1} << 46;  // the address space; memory runs out before
    out->binding_align_bytes = 64;
    out->constant_align_bytes = 1;
    out->queue_count = 1;
    out->max_partition_ops = UINT32_MAX;
    return sdk::Ok();
  }

  sdk::Result<std::unique_ptr<sdk::Device>> OpenDevice(uint32_t) override {
    return std::unique_ptr<sdk::Device>(std::make_unique<NullDevice>(&host_, &scheduler_));
  }

 private:
  sdk::Host host_;
  sdk::InlineScheduler scheduler_;
};

}  // namespace
}  // namespace concord::null

CONCORD_PLUGIN(null, "Concord", concord::null::NullInstance)
