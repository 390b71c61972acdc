#include "backends/vulkan/adapter.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace concord::vulkan {
namespace {

struct Properties {
  VkPhysicalDeviceProperties2 base{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
  VkPhysicalDeviceVulkan11Properties v11{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES};
  VkPhysicalDeviceVulkan12Properties v12{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES};
};

std::string VersionText(uint32_t version) {
  return sdk::Cat(VK_API_VERSION_MAJOR(version), ".", VK_API_VERSION_MINOR(version), ".",
                  VK_API_VERSION_PATCH(version));
}

std::string KindOf(VkPhysicalDeviceType type) {
  switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
      return "cpu";
    case VK_PHYSICAL_DEVICE_TYPE_OTHER:
      return "other";
    default:
      return "gpu";
  }
}

// The first family with all of `want` and none of `avoid`.
std::optional<uint32_t> FindFamily(const std::vector<VkQueueFamilyProperties>& families, VkQueueFlags want,
                                   VkQueueFlags avoid) {
  for (uint32_t i = 0; i < families.size(); ++i) {
    const VkQueueFlags flags = families[i].queueFlags;
    if (families[i].queueCount > 0 && (flags & want) == want && (flags & avoid) == 0) return i;
  }
  return std::nullopt;
}

std::optional<uint32_t> FindMemory(const VkPhysicalDeviceMemoryProperties& memory, VkMemoryPropertyFlags want,
                                   VkMemoryPropertyFlags avoid) {
  for (uint32_t i = 0; i < memory.memoryTypeCount; ++i) {
    const VkMemoryPropertyFlags flags = memory.memoryTypes[i].propertyFlags;
    if ((flags & want) == want && (flags & avoid) == 0) return i;
  }
  return std::nullopt;
}

sdk::Status ChooseQueues(const InstanceApi& instance, Adapter* adapter) {
  uint32_t count = 0;
  instance.vkGetPhysicalDeviceQueueFamilyProperties(adapter->handle, &count, nullptr);
  std::vector<VkQueueFamilyProperties> families(count);
  instance.vkGetPhysicalDeviceQueueFamilyProperties(adapter->handle, &count, families.data());
  // A family without graphics is scheduled beside the desktop's work, not behind it.
  std::optional<uint32_t> compute = FindFamily(families, VK_QUEUE_COMPUTE_BIT, VK_QUEUE_GRAPHICS_BIT);
  if (!compute) compute = FindFamily(families, VK_QUEUE_COMPUTE_BIT, 0);
  if (!compute) return sdk::Error(CONCORD_FAILED_PRECONDITION, "it has no queue for compute");
  adapter->compute_family = *compute;
  adapter->timestamp_bits = families[*compute].timestampValidBits;
  adapter->transfer_family =
      FindFamily(families, VK_QUEUE_TRANSFER_BIT, VK_QUEUE_COMPUTE_BIT | VK_QUEUE_GRAPHICS_BIT).value_or(*compute);
  return sdk::Ok();
}

sdk::Status ChooseMemory(const InstanceApi& instance, Adapter* adapter) {
  VkPhysicalDeviceMemoryProperties memory{};
  instance.vkGetPhysicalDeviceMemoryProperties(adapter->handle, &memory);
  constexpr VkMemoryPropertyFlags kLocal = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT,
                                  kVisible = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT,
                                  kCached = VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
                                  kCoherent = VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  // The host-visible part of a card's memory is small on many; what the host never maps stays out of it.
  std::optional<uint32_t> device = FindMemory(memory, kLocal, kVisible);
  if (!device) device = FindMemory(memory, kLocal, 0);
  if (!device) device = FindMemory(memory, 0, 0);
  std::optional<uint32_t> staging = FindMemory(memory, kVisible | kCached | kCoherent, 0);
  if (!staging) staging = FindMemory(memory, kVisible | kCached, 0);
  if (!staging) staging = FindMemory(memory, kVisible | kCoherent, 0);
  if (!device || !staging) return sdk::Error(CONCORD_FAILED_PRECONDITION, "it has no memory that the host can map");
  adapter->device_memory_type = *device;
  adapter->staging_memory_type = *staging;
  adapter->staging_coherent = (memory.memoryTypes[*staging].propertyFlags & kCoherent) != 0;
  adapter->memory_bytes = memory.memoryHeaps[memory.memoryTypes[*device].heapIndex].size;
  return sdk::Ok();
}

sdk::Status CheckFeatures(const InstanceApi& instance, const VkPhysicalDeviceProperties& base, Adapter* adapter) {
  if (base.apiVersion < VK_API_VERSION_1_2) {
    return sdk::Error(CONCORD_FAILED_PRECONDITION, "its driver has Vulkan ", VersionText(base.apiVersion),
                      ", want 1.2 or later: update the driver");
  }
  VkPhysicalDeviceVulkan12Features v12{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
  VkPhysicalDeviceFeatures2 features{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
  features.pNext = &v12;
  instance.vkGetPhysicalDeviceFeatures2(adapter->handle, &features);
  if (v12.timelineSemaphore == VK_FALSE) {
    return sdk::Error(CONCORD_FAILED_PRECONDITION, "its driver has no timeline semaphores");
  }
  adapter->limits.has_fp16 = v12.shaderFloat16 == VK_TRUE;
  return sdk::Ok();
}

// Dot products by the extension, which drivers of Vulkan 1.3 have beside the core feature: the instance is one of 1.2.
sdk::Status FindExtensions(const InstanceApi& instance, Adapter* adapter) {
  uint32_t count = 0;
  CONCORD_VK_RETURN_IF_ERROR(instance.vkEnumerateDeviceExtensionProperties(adapter->handle, nullptr, &count, nullptr));
  std::vector<VkExtensionProperties> extensions(count);
  CONCORD_VK_RETURN_IF_ERROR(
      instance.vkEnumerateDeviceExtensionProperties(adapter->handle, nullptr, &count, extensions.data()));
  const auto known = [&](std::string_view name) {
    return std::any_of(extensions.begin(), extensions.end(),
                       [&](const VkExtensionProperties& extension) { return name == extension.extensionName; });
  };
  adapter->tells_time = known(VK_EXT_CALIBRATED_TIMESTAMPS_EXTENSION_NAME);
  if (!known(VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME)) return sdk::Ok();
  VkPhysicalDeviceShaderIntegerDotProductFeaturesKHR dot{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES_KHR};
  VkPhysicalDeviceFeatures2 features{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
  features.pNext = &dot;
  instance.vkGetPhysicalDeviceFeatures2(adapter->handle, &features);
  adapter->has_int8_dot = dot.shaderIntegerDotProduct == VK_TRUE;
  return sdk::Ok();
}

void ChooseLimits(const Properties& properties, Adapter* adapter) {
  const VkPhysicalDeviceLimits& theirs = properties.base.properties.limits;
  adapter->SetLimits(std::min(theirs.maxComputeWorkGroupInvocations, theirs.maxComputeWorkGroupSize[0]),
                     theirs.maxComputeSharedMemorySize, theirs.maxStorageBufferRange);
  const bool reduces = (properties.v11.subgroupSupportedOperations & VK_SUBGROUP_FEATURE_ARITHMETIC_BIT) != 0 &&
                       (properties.v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0;
  adapter->limits.subgroup_size = reduces ? properties.v11.subgroupSize : 1;
}

}  // namespace

sdk::Result<Adapter> Adapter::Judge(const InstanceApi& instance, VkPhysicalDevice handle) {
  Adapter made;
  made.handle = handle;
  VkPhysicalDeviceProperties base{};
  instance.vkGetPhysicalDeviceProperties(handle, &base);
  made.name = base.deviceName;
  sdk::Status status = CheckFeatures(instance, base, &made);
  if (status.ok()) status = ChooseQueues(instance, &made);
  if (status.ok()) status = ChooseMemory(instance, &made);
  if (status.ok()) status = FindExtensions(instance, &made);
  if (!status.ok()) {
    status.message = sdk::Cat(made.name, " is not used: ", status.message);
    return status;
  }
  Properties properties;
  properties.base.pNext = &properties.v11;
  properties.v11.pNext = &properties.v12;
  instance.vkGetPhysicalDeviceProperties2(handle, &properties.base);
  made.kind = KindOf(base.deviceType);
  made.on_host_cores = base.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
  made.driver = sdk::Cat(std::string_view(properties.v12.driverName), " ", std::string_view(properties.v12.driverInfo),
                         ", Vulkan ", VersionText(base.apiVersion));
  ChooseLimits(properties, &made);
  made.features = made.has_subgroups() ? sdk::Cat("subgroups of ", made.limits.subgroup_size)
                                       : std::string("no subgroup arithmetic");
  if (made.limits.has_fp16) made.features += ", fp16";
  if (made.has_int8_dot) made.features += ", integer dot products";
  if (made.transfer_family != made.compute_family) made.features += ", transfer queue";
  made.max_allocation_bytes = std::min(properties.v11.maxMemoryAllocationSize, made.memory_bytes);
  made.non_coherent_atom = std::max<uint64_t>(base.limits.nonCoherentAtomSize, 1);
  made.ns_per_tick = static_cast<double>(base.limits.timestampPeriod);
  made.max_groups_x = base.limits.maxComputeWorkGroupCount[0];
  made.fingerprint = sdk::Cat(made.name, "/", made.driver, "/",
                              std::string_view(reinterpret_cast<const char*>(base.pipelineCacheUUID), VK_UUID_SIZE),
                              "/", base.driverVersion, "/", std::string_view(CONCORD_PLUGIN_VERSION));
  return made;
}

sdk::Result<std::vector<Adapter>> Adapter::FindAll(const InstanceApi& instance, std::vector<std::string>* refused) {
  uint32_t count = 0;
  CONCORD_VK_RETURN_IF_ERROR(instance.vkEnumeratePhysicalDevices(instance.handle(), &count, nullptr));
  std::vector<VkPhysicalDevice> handles(count);
  CONCORD_VK_RETURN_IF_ERROR(instance.vkEnumeratePhysicalDevices(instance.handle(), &count, handles.data()));
  std::vector<Adapter> found;
  for (uint32_t i = 0; i < count; ++i) {
    sdk::Result<Adapter> adapter = Judge(instance, handles[i]);
    if (adapter.ok()) {
      found.push_back(std::move(*adapter));
    } else {
      refused->push_back(adapter.status().message);
    }
  }
  return found;
}

}  // namespace concord::vulkan
