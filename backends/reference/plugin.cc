// The reference backend: ops/ interpreted in float64 behind the same C table as every chip. The oracle of the suite and
// of the canary, and where a new op runs first. Slow on purpose.
#include "backends/reference/program.h"

namespace concord::reference {
namespace {

class ReferenceDevice final : public sdk::HostDevice {
 public:
  using sdk::HostDevice::HostDevice;

  sdk::Support QueryOp(const sdk::Op& op) override { return reference::QueryOp(op); }
  sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc& desc) override {
    return std::unique_ptr<sdk::Program>(std::make_unique<ReferenceProgram>(desc));
  }
};

class ReferenceInstance final : public sdk::Instance {
 public:
  explicit ReferenceInstance(const sdk::Host& host) : host_(host) {}

  static sdk::Result<std::unique_ptr<sdk::Instance>> Create(const sdk::Host& host) {
    return std::unique_ptr<sdk::Instance>(std::make_unique<ReferenceInstance>(host));
  }

  uint32_t DeviceCount() override { return 1; }

  sdk::Status DeviceInfo(uint32_t, concord_device_info* out) override {
    out->flags = CONCORD_DEVICE_ASYNC | CONCORD_DEVICE_EXECUTES_IN_WAIT | CONCORD_DEVICE_SHARES_HOST_CORES |
                 CONCORD_DEVICE_HOST_MEMORY;
    out->name = sdk::ToC("float64 reference");
    out->kind = sdk::ToC("cpu");
    out->features = sdk::ToC("every op in float64, one thread: for checking, not for use");
    out->kv_layout = sdk::ToC("kv.paged/1");
    out->max_buffer_bytes = uint64_t{1} << 46;  // the address space; memory runs out before
    out->binding_align_bytes = 64;
    out->constant_align_bytes = 1;
    out->queue_count = 1;
    out->max_partition_ops = UINT32_MAX;
    return sdk::Ok();
  }

  sdk::Result<std::unique_ptr<sdk::Device>> OpenDevice(uint32_t) override {
    return std::unique_ptr<sdk::Device>(std::make_unique<ReferenceDevice>(&host_, &scheduler_));
  }

 private:
  sdk::Host host_;
  sdk::InlineScheduler scheduler_;
};

}  // namespace
}  // namespace concord::reference

CONCORD_PLUGIN(reference, "Concord", concord::reference::ReferenceInstance)
