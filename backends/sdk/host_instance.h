#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "backends/sdk/host_device.h"
#include "backends/sdk/inline_queue.h"
#include "backends/sdk/objects.h"
#include "backends/sdk/status.h"
#include "backends/sdk/trace.h"
#include "concord/plugin.h"

namespace concord::sdk {
inline namespace v0 {

// The instance of a plugin with one device, a HostDevice. DeviceClass has
//   DeviceClass(const Host*, InlineScheduler*);
//   static void Describe(concord_device_info* out);   // its name at least; what is said below may be corrected
// Strings that it gives must live as long as the plugin.
template <typename DeviceClass>
class HostInstance final : public Instance {
 public:
  explicit HostInstance(const Host& host) : host_(host) {}

  static Result<std::unique_ptr<Instance>> Create(const Host& host) {
    return std::unique_ptr<Instance>(std::make_unique<HostInstance>(host));
  }

  uint32_t DeviceCount() override { return 1; }

  Status DeviceInfo(uint32_t, concord_device_info* out) override {
    out->flags = CONCORD_DEVICE_ASYNC | CONCORD_DEVICE_EXECUTES_IN_WAIT | CONCORD_DEVICE_SHARES_HOST_CORES |
                 CONCORD_DEVICE_HOST_MEMORY;
    out->kind = ToC("cpu");
    out->kv_layout = ToC("kv.paged/1");
    out->max_buffer_bytes = uint64_t{1} << 46;  // the address space; memory runs out before
    out->binding_align_bytes = 64;
    out->constant_align_bytes = 1;
    out->queue_count = 1;
    out->max_partition_ops = UINT32_MAX;
    DeviceClass::Describe(out);
    return Ok();
  }

  const void* Extension(std::string_view name) override { return TraceExtension<DeviceClass>(name); }

  Result<std::unique_ptr<Device>> OpenDevice(uint32_t) override {
    return std::unique_ptr<Device>(std::make_unique<DeviceClass>(&host_, &scheduler_));
  }

 private:
  Host host_;
  InlineScheduler scheduler_;
};

}  // namespace v0
}  // namespace concord::sdk
