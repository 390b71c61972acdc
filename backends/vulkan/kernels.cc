#include "backends/vulkan/kernels.h"

#include <cstdio>
#include <vector>

#include "backends/gpu/kernel_variants.h"

namespace concord::vulkan {
namespace {

std::string CacheName(const Adapter& adapter) {
  char name[48];
  std::snprintf(name, sizeof(name), "vulkan-%016llx.pipelines",
                static_cast<unsigned long long>(sdk::Hash(adapter.fingerprint)));
  return name;
}

}  // namespace

Kernels::Kernels(const sdk::Host* host, const Adapter* adapter, const DeviceApi* api, VkDevice device)
    : host_(host), adapter_(adapter), api_(api), device_(device), disk_(CacheName(*adapter), adapter->fingerprint) {
  OpenCache();
}

Kernels::~Kernels() {
  KeepCache();
  for (VulkanKernel& kernel : kernels_) api_->vkDestroyPipeline(device_, kernel.pipeline, nullptr);
  for (auto& [shape, layout] : layouts_) {
    if (layout.pipeline != VK_NULL_HANDLE) api_->vkDestroyPipelineLayout(device_, layout.pipeline, nullptr);
    if (layout.set != VK_NULL_HANDLE) api_->vkDestroyDescriptorSetLayout(device_, layout.set, nullptr);
  }
  if (cache_ != VK_NULL_HANDLE) api_->vkDestroyPipelineCache(device_, cache_, nullptr);
}

// A file that the driver does not like, or no file, means an empty cache; no cache at all means slower starts.
void Kernels::OpenCache() {
  std::string kept = disk_.Read();
  VkPipelineCacheCreateInfo info{VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
  info.initialDataSize = kept.size();
  info.pInitialData = kept.data();
  if (api_->vkCreatePipelineCache(device_, &info, nullptr, &cache_) == VK_SUCCESS) return;
  info.initialDataSize = 0;
  info.pInitialData = nullptr;
  if (api_->vkCreatePipelineCache(device_, &info, nullptr, &cache_) != VK_SUCCESS) cache_ = VK_NULL_HANDLE;
}

void Kernels::KeepCache() {
  if (cache_ == VK_NULL_HANDLE || !cache_changed_) return;
  size_t size = 0;
  if (api_->vkGetPipelineCacheData(device_, cache_, &size, nullptr) != VK_SUCCESS || size == 0) return;
  std::string data(size, '\0');
  if (api_->vkGetPipelineCacheData(device_, cache_, &size, data.data()) != VK_SUCCESS) return;
  data.resize(size);
  (void)disk_.Write(data);
}

sdk::Result<Kernels::Layout> Kernels::GetLayout(uint32_t n_buffers, uint32_t n_words) {
  Layout& layout = layouts_[{n_buffers, n_words}];
  if (layout.pipeline != VK_NULL_HANDLE) return layout;
  if (layout.set == VK_NULL_HANDLE) {
    std::vector<VkDescriptorSetLayoutBinding> bindings(n_buffers);
    for (uint32_t i = 0; i < n_buffers; ++i) {
      bindings[i] = {i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, nullptr};
    }
    VkDescriptorSetLayoutCreateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO};
    info.bindingCount = n_buffers;
    info.pBindings = bindings.data();
    CONCORD_VK_RETURN_IF_ERROR(api_->vkCreateDescriptorSetLayout(device_, &info, nullptr, &layout.set));
  }
  const VkPushConstantRange words{VK_SHADER_STAGE_COMPUTE_BIT, 0, n_words * 4};
  VkPipelineLayoutCreateInfo info{VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
  info.setLayoutCount = 1;
  info.pSetLayouts = &layout.set;
  info.pushConstantRangeCount = n_words == 0 ? 0 : 1;
  info.pPushConstantRanges = &words;
  CONCORD_VK_RETURN_IF_ERROR(api_->vkCreatePipelineLayout(device_, &info, nullptr, &layout.pipeline));
  return layout;
}

sdk::Status Kernels::MakePipeline(uint32_t features, VulkanKernel* kernel) {
  const Shader* shader = FindShader(kernel->key.name, features);
  if (shader == nullptr) return sdk::Error(CONCORD_NOT_FOUND, "there is no kernel ", kernel->key.name);
  VkShaderModuleCreateInfo module_info{VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
  module_info.codeSize = shader->size_bytes;
  module_info.pCode = shader->words;
  VkShaderModule module = VK_NULL_HANDLE;
  CONCORD_VK_RETURN_IF_ERROR(api_->vkCreateShaderModule(device_, &module_info, nullptr, &module));
  std::vector<VkSpecializationMapEntry> entries;
  std::vector<uint32_t> values;
  for (const gpu::KernelKey::Constant& constant : kernel->key.constants) {
    const auto at = static_cast<uint32_t>(values.size());
    entries.push_back({at, at * 4, 4});
    values.push_back(constant.value);
  }
  const VkSpecializationInfo specialization{static_cast<uint32_t>(entries.size()), entries.data(), values.size() * 4,
                                            values.data()};
  VkComputePipelineCreateInfo info{VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO};
  info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
  info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
  info.stage.module = module;
  info.stage.pName = "main";
  info.stage.pSpecializationInfo = &specialization;
  info.layout = kernel->layout;
  const VkResult result = api_->vkCreateComputePipelines(device_, cache_, 1, &info, nullptr, &kernel->pipeline);
  api_->vkDestroyShaderModule(device_, module, nullptr);
  if (result == VK_SUCCESS) return sdk::Ok();
  sdk::Status status = VkError(result, "vkCreateComputePipelines");
  status.message = sdk::Cat("the driver refuses kernel ", kernel->key.name, ": ", status.message);
  return status;
}

sdk::Result<const VulkanKernel*> Kernels::Get(const gpu::KernelKey& key, uint32_t n_buffers, uint32_t n_words) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const VulkanKernel& kernel : kernels_) {
    if (kernel.key == key) return &kernel;
  }
  sdk::Result<Layout> layout = GetLayout(n_buffers, n_words);
  if (!layout.ok()) return layout.status();
  VulkanKernel kernel;
  kernel.key = key;
  kernel.n_buffers = n_buffers;
  kernel.n_words = n_words;
  kernel.layout = layout->pipeline;
  kernel.set_layout = layout->set;
  sdk::Status status = gpu::MakeBestVariant(*host_, adapter_->kernel_features(),
                                            [&](uint32_t features) { return MakePipeline(features, &kernel); });
  if (!status.ok()) return status;
  cache_changed_ = true;
  kernels_.push_back(kernel);
  return &kernels_.back();
}

}  // namespace concord::vulkan
