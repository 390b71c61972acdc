#include "backends/vulkan/api.h"

#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <vector>

namespace concord::vulkan {
namespace {

constexpr const char* kValidationLayer = "VK_LAYER_KHRONOS_validation";

bool WantsValidation() {
  const char* value = std::getenv("CONCORD_VULKAN_VALIDATION");
  return value != nullptr && *value != '\0' && std::strcmp(value, "0") != 0;
}

const char* NameOf(VkResult result) {
  switch (result) {
#define CONCORD_VK_NAME(name) \
  case name:                  \
    return #name
    CONCORD_VK_NAME(VK_ERROR_OUT_OF_HOST_MEMORY);
    CONCORD_VK_NAME(VK_ERROR_OUT_OF_DEVICE_MEMORY);
    CONCORD_VK_NAME(VK_ERROR_INITIALIZATION_FAILED);
    CONCORD_VK_NAME(VK_ERROR_DEVICE_LOST);
    CONCORD_VK_NAME(VK_ERROR_MEMORY_MAP_FAILED);
    CONCORD_VK_NAME(VK_ERROR_LAYER_NOT_PRESENT);
    CONCORD_VK_NAME(VK_ERROR_EXTENSION_NOT_PRESENT);
    CONCORD_VK_NAME(VK_ERROR_FEATURE_NOT_PRESENT);
    CONCORD_VK_NAME(VK_ERROR_INCOMPATIBLE_DRIVER);
    CONCORD_VK_NAME(VK_ERROR_TOO_MANY_OBJECTS);
    CONCORD_VK_NAME(VK_ERROR_OUT_OF_POOL_MEMORY);
    CONCORD_VK_NAME(VK_ERROR_UNKNOWN);
#undef CONCORD_VK_NAME
    default:
      return "VkResult";
  }
}

int32_t CodeOf(VkResult result) {
  switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY:
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
    case VK_ERROR_TOO_MANY_OBJECTS:
      return CONCORD_RESOURCE_EXHAUSTED;
    case VK_ERROR_DEVICE_LOST:
    case VK_ERROR_INCOMPATIBLE_DRIVER:
      return CONCORD_UNAVAILABLE;
    default:
      return CONCORD_INTERNAL;
  }
}

VkBool32 VKAPI_PTR OnMessage(VkDebugUtilsMessageSeverityFlagBitsEXT severity, VkDebugUtilsMessageTypeFlagsEXT,
                             const VkDebugUtilsMessengerCallbackDataEXT* data, void* user) {
  const bool error = (severity & VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT) != 0;
  static_cast<const sdk::Host*>(user)->Log(error ? CONCORD_LOG_ERROR : CONCORD_LOG_WARNING,
                                           sdk::Cat("Vulkan validation: ", std::string_view(data->pMessage)));
  return VK_FALSE;
}

}  // namespace

sdk::Status VkError(VkResult result, const char* what) {
  const std::string call(what, std::strcspn(what, "("));
  sdk::Status status =
      sdk::Error(CodeOf(result), call, ": ", std::string_view(NameOf(result)), " (", static_cast<int>(result), ")");
  if (result == VK_ERROR_DEVICE_LOST)
    status.message += ": the GPU was lost or reset; close the device and open it again";
  status.vendor_code = result;
  return status;
}

sdk::Result<std::unique_ptr<Loader>> Loader::Open() {
  std::unique_ptr<Loader> made(new Loader);
  made->library_ = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
  if (made->library_ == nullptr) {
    return sdk::Error(CONCORD_UNAVAILABLE, "libvulkan.so.1 is not installed: install the Vulkan loader (Debian: ",
                      std::string_view("libvulkan1) and the driver of your GPU"));
  }
  made->vkGetInstanceProcAddr =
      reinterpret_cast<PFN_vkGetInstanceProcAddr>(dlsym(made->library_, "vkGetInstanceProcAddr"));
  if (made->vkGetInstanceProcAddr == nullptr) {
    return sdk::Error(CONCORD_UNAVAILABLE, "libvulkan.so.1 has no vkGetInstanceProcAddr: it is no Vulkan loader");
  }
#define CONCORD_VK_FIND(name)                                                                            \
  made->name = reinterpret_cast<PFN_##name>(made->vkGetInstanceProcAddr(VK_NULL_HANDLE, #name));         \
  if (made->name == nullptr) {                                                                           \
    return sdk::Error(CONCORD_UNAVAILABLE, "libvulkan.so.1 has no " #name ": want Vulkan 1.2 or later"); \
  }
  CONCORD_VK_GLOBAL_FUNCTIONS(CONCORD_VK_FIND)
#undef CONCORD_VK_FIND
  return made;
}

Loader::~Loader() {
  if (library_ != nullptr) dlclose(library_);
}

sdk::Result<std::unique_ptr<InstanceApi>> InstanceApi::Create(const sdk::Host* host) {
  sdk::Result<std::unique_ptr<Loader>> loader = Loader::Open();
  if (!loader.ok()) return loader.status();
  std::unique_ptr<InstanceApi> made(new InstanceApi);
  made->loader_ = std::move(*loader);
  uint32_t version = 0;
  CONCORD_VK_RETURN_IF_ERROR(made->loader_->vkEnumerateInstanceVersion(&version));
  if (version < VK_API_VERSION_1_2) {
    return sdk::Error(CONCORD_UNAVAILABLE, "the Vulkan loader has version ", VK_API_VERSION_MAJOR(version), ".",
                      VK_API_VERSION_MINOR(version), ", want 1.2 or later");
  }
  VkApplicationInfo application{VK_STRUCTURE_TYPE_APPLICATION_INFO};
  application.pApplicationName = "Concord";
  application.apiVersion = VK_API_VERSION_1_2;
  VkInstanceCreateInfo info{VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO};
  info.pApplicationInfo = &application;
  const char* const layers[] = {kValidationLayer};
  const char* const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
  if (WantsValidation()) {
    info.enabledLayerCount = 1;
    info.ppEnabledLayerNames = layers;
    info.enabledExtensionCount = 1;
    info.ppEnabledExtensionNames = extensions;
  }
  const VkResult result = made->loader_->vkCreateInstance(&info, nullptr, &made->handle_);
  if (result != VK_SUCCESS) {
    sdk::Status status = VkError(result, "vkCreateInstance");
    status.code = CONCORD_UNAVAILABLE;  // no driver is installed, or none that works: not a fault
    status.message += result == VK_ERROR_LAYER_NOT_PRESENT
                          ? ": CONCORD_VULKAN_VALIDATION is set, and the validation layer is not installed"
                          : ": no Vulkan driver works here; install the driver of your GPU";
    return status;
  }
#define CONCORD_VK_FIND(name)                                                                            \
  made->name = reinterpret_cast<PFN_##name>(made->loader_->vkGetInstanceProcAddr(made->handle_, #name)); \
  if (made->name == nullptr) return sdk::Error(CONCORD_UNAVAILABLE, "the Vulkan loader has no " #name);
  CONCORD_VK_INSTANCE_FUNCTIONS(CONCORD_VK_FIND)
#undef CONCORD_VK_FIND
  if (WantsValidation()) {
    sdk::Status status = made->Watch(host);
    if (!status.ok()) return status;
  }
  return made;
}

sdk::Status InstanceApi::Watch(const sdk::Host* host) {
  const auto create = reinterpret_cast<PFN_vkCreateDebugUtilsMessengerEXT>(
      loader_->vkGetInstanceProcAddr(handle_, "vkCreateDebugUtilsMessengerEXT"));
  if (create == nullptr) return sdk::Error(CONCORD_UNAVAILABLE, "the Vulkan loader has no debug messengers");
  VkDebugUtilsMessengerCreateInfoEXT info{VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT};
  info.messageSeverity =
      VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT;
  info.messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT | VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT;
  info.pfnUserCallback = OnMessage;
  info.pUserData = const_cast<sdk::Host*>(host);
  CONCORD_VK_RETURN_IF_ERROR(create(handle_, &info, nullptr, &messenger_));
  return sdk::Ok();
}

InstanceApi::~InstanceApi() {
  if (messenger_ != VK_NULL_HANDLE) {
    const auto destroy = reinterpret_cast<PFN_vkDestroyDebugUtilsMessengerEXT>(
        loader_->vkGetInstanceProcAddr(handle_, "vkDestroyDebugUtilsMessengerEXT"));
    if (destroy != nullptr) destroy(handle_, messenger_, nullptr);
  }
  if (handle_ != VK_NULL_HANDLE && vkDestroyInstance != nullptr) vkDestroyInstance(handle_, nullptr);
}

sdk::Status DeviceApi::Load(const InstanceApi& instance, VkDevice device) {
#define CONCORD_VK_FIND(name)                                                       \
  name = reinterpret_cast<PFN_##name>(instance.vkGetDeviceProcAddr(device, #name)); \
  if (name == nullptr) return sdk::Error(CONCORD_UNAVAILABLE, "the Vulkan driver has no " #name);
  CONCORD_VK_DEVICE_FUNCTIONS(CONCORD_VK_FIND)
  vkGetCalibratedTimestampsEXT = reinterpret_cast<PFN_vkGetCalibratedTimestampsEXT>(
      instance.vkGetDeviceProcAddr(device, "vkGetCalibratedTimestampsEXT"));
#undef CONCORD_VK_FIND
  return sdk::Ok();
}

}  // namespace concord::vulkan
