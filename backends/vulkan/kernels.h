#pragma once

#include <list>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "backends/gpu/driver.h"
#include "backends/vulkan/adapter.h"
#include "backends/vulkan/api.h"
#include "backends/vulkan/shaders.h"

namespace concord::vulkan {

struct VulkanKernel final : gpu::Kernel {
  gpu::KernelKey key;
  uint32_t n_buffers = 0, n_words = 0;
  VkPipeline pipeline = VK_NULL_HANDLE;
  VkPipelineLayout layout = VK_NULL_HANDLE;
  VkDescriptorSetLayout set_layout = VK_NULL_HANDLE;
};

// The pipelines of a device, made when first asked for; the driver's compiled form of them is kept on disk. Threads:
// any.
class Kernels {
 public:
  // All outlive this.
  Kernels(const sdk::Host* host, const Adapter* adapter, const DeviceApi* api, VkDevice device);
  ~Kernels();

  sdk::Result<const VulkanKernel*> Get(const gpu::KernelKey& key, uint32_t n_buffers, uint32_t n_words);

 private:
  struct Layout {
    VkDescriptorSetLayout set = VK_NULL_HANDLE;
    VkPipelineLayout pipeline = VK_NULL_HANDLE;
  };

  void OpenCache();
  void KeepCache();
  sdk::Result<Layout> GetLayout(uint32_t n_buffers, uint32_t n_words);
  sdk::Status MakePipeline(uint32_t features, VulkanKernel* kernel);

  const sdk::Host* host_;
  const Adapter* adapter_;
  const DeviceApi* api_;
  VkDevice device_;
  sdk::DiskCache disk_;
  std::mutex mutex_;
  VkPipelineCache cache_ = VK_NULL_HANDLE;
  bool cache_changed_ = false;
  std::map<std::pair<uint32_t, uint32_t>, Layout> layouts_;  // by buffers and words
  std::list<VulkanKernel> kernels_;
};

}  // namespace concord::vulkan
