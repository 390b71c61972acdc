#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/gpu/device.h"
#include "backends/vulkan/adapter.h"
#include "backends/vulkan/api.h"
#include "backends/vulkan/driver.h"

namespace concord::vulkan {
namespace {

class VulkanInstance final : public sdk::Instance {
 public:
  explicit VulkanInstance(const sdk::Host& host) : host_(host) {}

  static sdk::Result<std::unique_ptr<sdk::Instance>> Create(const sdk::Host& host) {
    auto made = std::make_unique<VulkanInstance>(host);
    sdk::Result<std::unique_ptr<InstanceApi>> instance = InstanceApi::Create(&made->host_);
    if (!instance.ok()) return instance.status();
    made->instance_ = std::move(*instance);
    std::vector<std::string> refused;
    sdk::Result<std::vector<Adapter>> adapters = Adapter::FindAll(*made->instance_, &refused);
    if (!adapters.ok()) return adapters.status();
    std::string reasons;
    for (const std::string& reason : refused) reasons += "; " + reason;
    if (adapters->empty()) return sdk::Error(CONCORD_UNAVAILABLE, "Vulkan has no device that can be used", reasons);
    for (const std::string& reason : refused) host.Log(CONCORD_LOG_INFO, reason);
    made->adapters_ = std::move(*adapters);
    return std::unique_ptr<sdk::Instance>(std::move(made));
  }

  uint32_t DeviceCount() override { return static_cast<uint32_t>(adapters_.size()); }

  sdk::Status DeviceInfo(uint32_t index, concord_device_info* out) override {
    const Adapter& adapter = adapters_[index];
    out->flags = CONCORD_DEVICE_ASYNC;
    if (adapter.on_host_cores) out->flags |= CONCORD_DEVICE_SHARES_HOST_CORES;
    out->name = sdk::ToC(adapter.name);
    out->kind = sdk::ToC(adapter.kind);
    out->driver = sdk::ToC(adapter.driver);
    out->features = sdk::ToC(adapter.features);
    out->kv_layout = sdk::ToC("kv.paged/1");
    out->memory_bytes = adapter.memory_bytes;
    out->max_buffer_bytes = adapter.max_allocation_bytes;
    out->binding_align_bytes = 256;  // the most that Vulkan may ask for
    out->constant_align_bytes = 1;
    out->queue_count = 1;
    out->max_partition_ops = UINT32_MAX;
    return sdk::Ok();
  }

  sdk::Result<std::unique_ptr<sdk::Device>> OpenDevice(uint32_t index) override {
    sdk::Result<std::unique_ptr<VulkanDriver>> driver = VulkanDriver::Open(&host_, instance_.get(), &adapters_[index]);
    if (!driver.ok()) return driver.status();
    return std::unique_ptr<sdk::Device>(std::make_unique<gpu::Device>(&host_, &scheduler_, std::move(*driver)));
  }

 private:
  sdk::Host host_;
  std::unique_ptr<InstanceApi> instance_;
  std::vector<Adapter> adapters_;
  sdk::AsyncScheduler scheduler_;
};

}  // namespace
}  // namespace concord::vulkan

CONCORD_PLUGIN(vulkan, "Concord", concord::vulkan::VulkanInstance)
