#pragma once

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

#include <memory>
#include <string>

#include "backends/sdk/sdk.h"

// The functions of Vulkan 1.2 that are used, found at run time, so that a machine without Vulkan loads this plugin too.
namespace concord::vulkan {

#define CONCORD_VK_GLOBAL_FUNCTIONS(F)  \
  F(vkCreateInstance)                   \
  F(vkEnumerateInstanceLayerProperties) \
  F(vkEnumerateInstanceVersion)

#define CONCORD_VK_INSTANCE_FUNCTIONS(F)  \
  F(vkCreateDevice)                       \
  F(vkDestroyInstance)                    \
  F(vkEnumerateDeviceExtensionProperties) \
  F(vkEnumeratePhysicalDevices)           \
  F(vkGetDeviceProcAddr)                  \
  F(vkGetPhysicalDeviceFeatures2)         \
  F(vkGetPhysicalDeviceMemoryProperties)  \
  F(vkGetPhysicalDeviceProperties)        \
  F(vkGetPhysicalDeviceProperties2)       \
  F(vkGetPhysicalDeviceQueueFamilyProperties)

#define CONCORD_VK_DEVICE_FUNCTIONS(F) \
  F(vkAllocateCommandBuffers)          \
  F(vkAllocateDescriptorSets)          \
  F(vkAllocateMemory)                  \
  F(vkBeginCommandBuffer)              \
  F(vkBindBufferMemory)                \
  F(vkCmdBindDescriptorSets)           \
  F(vkCmdBindPipeline)                 \
  F(vkCmdCopyBuffer)                   \
  F(vkCmdDispatch)                     \
  F(vkCmdFillBuffer)                   \
  F(vkCmdPipelineBarrier)              \
  F(vkCmdPushConstants)                \
  F(vkCmdResetQueryPool)               \
  F(vkCmdWriteTimestamp)               \
  F(vkCreateBuffer)                    \
  F(vkCreateCommandPool)               \
  F(vkCreateComputePipelines)          \
  F(vkCreateDescriptorPool)            \
  F(vkCreateDescriptorSetLayout)       \
  F(vkCreatePipelineCache)             \
  F(vkCreatePipelineLayout)            \
  F(vkCreateQueryPool)                 \
  F(vkCreateSemaphore)                 \
  F(vkCreateShaderModule)              \
  F(vkDestroyBuffer)                   \
  F(vkDestroyCommandPool)              \
  F(vkDestroyDescriptorPool)           \
  F(vkDestroyDescriptorSetLayout)      \
  F(vkDestroyDevice)                   \
  F(vkDestroyPipeline)                 \
  F(vkDestroyPipelineCache)            \
  F(vkDestroyPipelineLayout)           \
  F(vkDestroyQueryPool)                \
  F(vkDestroySemaphore)                \
  F(vkDestroyShaderModule)             \
  F(vkDeviceWaitIdle)                  \
  F(vkEndCommandBuffer)                \
  F(vkFlushMappedMemoryRanges)         \
  F(vkFreeMemory)                      \
  F(vkGetBufferMemoryRequirements)     \
  F(vkGetDeviceQueue)                  \
  F(vkGetPipelineCacheData)            \
  F(vkGetQueryPoolResults)             \
  F(vkGetSemaphoreCounterValue)        \
  F(vkInvalidateMappedMemoryRanges)    \
  F(vkMapMemory)                       \
  F(vkQueueSubmit)                     \
  F(vkResetCommandPool)                \
  F(vkResetDescriptorPool)             \
  F(vkUpdateDescriptorSets)            \
  F(vkWaitSemaphores)

#define CONCORD_VK_MEMBER(name) PFN_##name name = nullptr;

// The loader's library and its functions. Lives as long as anything made through it.
class Loader {
 public:
  // UNAVAILABLE, with what to install, where there is none.
  static sdk::Result<std::unique_ptr<Loader>> Open();
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  CONCORD_VK_GLOBAL_FUNCTIONS(CONCORD_VK_MEMBER)
  PFN_vkGetInstanceProcAddr vkGetInstanceProcAddr = nullptr;

 private:
  Loader() = default;
  void* library_ = nullptr;
};

// A VkInstance and its functions.
class InstanceApi {
 public:
  static constexpr const char* kName = "Vulkan";

  // With the validation layer and its messages in the host's log where CONCORD_VULKAN_VALIDATION is set.
  static sdk::Result<std::unique_ptr<InstanceApi>> Create(const sdk::Host* host);
  ~InstanceApi();
  InstanceApi(const InstanceApi&) = delete;
  InstanceApi& operator=(const InstanceApi&) = delete;

  VkInstance handle() const { return handle_; }
  CONCORD_VK_INSTANCE_FUNCTIONS(CONCORD_VK_MEMBER)

 private:
  InstanceApi() = default;
  sdk::Status Watch(const sdk::Host* host);

  std::unique_ptr<Loader> loader_;
  VkInstance handle_ = VK_NULL_HANDLE;
  VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
};

// The functions of a VkDevice.
struct DeviceApi {
  CONCORD_VK_DEVICE_FUNCTIONS(CONCORD_VK_MEMBER)
  PFN_vkGetCalibratedTimestampsEXT vkGetCalibratedTimestampsEXT = nullptr;  // null: the device is not asked to have it

  sdk::Status Load(const InstanceApi& instance, VkDevice device);
};

// "vkQueueSubmit: VK_ERROR_DEVICE_LOST (-4)", with the code of the border that fits, and the VkResult as vendor_code.
sdk::Status VkError(VkResult result, const char* what);

#define CONCORD_VK_RETURN_IF_ERROR(call)                                                        \
  do {                                                                                          \
    const VkResult result_of_call = (call);                                                     \
    if (result_of_call != VK_SUCCESS) return ::concord::vulkan::VkError(result_of_call, #call); \
  } while (false)

}  // namespace concord::vulkan
