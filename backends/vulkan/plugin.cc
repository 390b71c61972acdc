#include "backends/gpu/instance.h"
#include "backends/vulkan/adapter.h"
#include "backends/vulkan/api.h"
#include "backends/vulkan/driver.h"

namespace concord::vulkan {
namespace {

using VulkanInstance = gpu::Instance<InstanceApi, Adapter, VulkanDriver>;

}  // namespace
}  // namespace concord::vulkan

CONCORD_PLUGIN(vulkan, "Concord", concord::vulkan::VulkanInstance)
