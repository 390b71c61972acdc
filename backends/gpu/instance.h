#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/gpu/device.h"
#include "backends/sdk/sdk.h"

namespace concord::gpu {

// The border's instance over a GPU API:
//   Api      kName; Create(const sdk::Host*): UNAVAILABLE, with what to install, where there is none
//   Adapter  derived from gpu::Adapter; FindAll(const Api&, std::vector<std::string>* refused): the devices that can be
//            used, in the API's order, and a line for each other
//   Driver   derived from gpu::Driver; Open(const sdk::Host*, const Api*, const Adapter*), all of which outlive it
template <typename Api, typename Adapter, typename Driver>
class Instance final : public sdk::Instance {
 public:
  static sdk::Result<std::unique_ptr<sdk::Instance>> Create(const sdk::Host& host) {
    std::unique_ptr<Instance> made(new Instance(host));
    sdk::Result<std::unique_ptr<Api>> api = Api::Create(&made->host_);
    if (!api.ok()) return api.status();
    made->api_ = std::move(*api);
    std::vector<std::string> refused;
    sdk::Result<std::vector<Adapter>> adapters = Adapter::FindAll(*made->api_, &refused);
    if (!adapters.ok()) return adapters.status();
    std::string reasons;
    for (const std::string& reason : refused) reasons += "; " + reason;
    if (adapters->empty()) {
      return sdk::Error(CONCORD_UNAVAILABLE, std::string_view(Api::kName), " has no device that can be used", reasons);
    }
    for (const std::string& reason : refused) host.Log(CONCORD_LOG_INFO, reason);
    made->adapters_ = std::move(*adapters);
    if (const char* features = std::getenv("CONCORD_GPU_WITHOUT"); features != nullptr) {
      for (Adapter& adapter : made->adapters_) adapter.Without(features);
    }
    return std::unique_ptr<sdk::Instance>(std::move(made));
  }

  uint32_t DeviceCount() override { return static_cast<uint32_t>(adapters_.size()); }

  sdk::Status DeviceInfo(uint32_t index, concord_device_info* out) override {
    adapters_[index].Describe(out);
    return sdk::Ok();
  }

  sdk::Result<std::unique_ptr<sdk::Device>> OpenDevice(uint32_t index) override {
    sdk::Result<std::unique_ptr<Driver>> driver = Driver::Open(&host_, api_.get(), &adapters_[index]);
    if (!driver.ok()) return driver.status();
    return std::unique_ptr<sdk::Device>(std::make_unique<Device>(&host_, &scheduler_, std::move(*driver)));
  }

  const void* Extension(std::string_view name) override { return sdk::TraceExtension<Device>(name); }

 private:
  explicit Instance(const sdk::Host& host) : host_(host) {}

  sdk::Host host_;
  std::unique_ptr<Api> api_;
  std::vector<Adapter> adapters_;
  sdk::AsyncScheduler scheduler_;
};

}  // namespace concord::gpu
