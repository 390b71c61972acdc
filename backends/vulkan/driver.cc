#include "backends/vulkan/driver.h"

#include <algorithm>
#include <cstring>

namespace concord::vulkan {
namespace {

// What an upload moves at once: enough to keep a bus busy, little enough to pin.
constexpr uint64_t kUploadBytes = uint64_t{4} << 20;

const VulkanBuffer& Of(const gpu::Buffer* buffer) { return *static_cast<const VulkanBuffer*>(buffer); }

}  // namespace

sdk::Result<std::unique_ptr<VulkanDriver>> VulkanDriver::Open(const sdk::Host* host, const InstanceApi* instance,
                                                              const Adapter* adapter) {
  std::unique_ptr<VulkanDriver> made(new VulkanDriver(instance, adapter));
  sdk::Status status = made->OpenDevice();
  if (!status.ok()) return status;
  made->memory_ = std::make_unique<Memory>(adapter, &made->api_, made->device_);
  made->kernels_ = std::make_unique<Kernels>(host, adapter, &made->api_, made->device_);
  status = made->OpenUploads();
  if (!status.ok()) return status;
  return made;
}

sdk::Status VulkanDriver::OpenDevice() {
  const float priority = 1;
  std::vector<VkDeviceQueueCreateInfo> queues;
  for (const uint32_t family : {adapter_->compute_family, adapter_->transfer_family}) {
    if (!queues.empty() && family == queues[0].queueFamilyIndex) continue;
    VkDeviceQueueCreateInfo queue{VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
    queue.queueFamilyIndex = family;
    queue.queueCount = 1;
    queue.pQueuePriorities = &priority;
    queues.push_back(queue);
  }
  VkPhysicalDeviceVulkan12Features features{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
  features.timelineSemaphore = VK_TRUE;
  features.shaderFloat16 = adapter_->limits.has_fp16 ? VK_TRUE : VK_FALSE;
  VkDeviceCreateInfo info{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
  info.pNext = &features;
  VkPhysicalDeviceShaderIntegerDotProductFeaturesKHR dot{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES_KHR};
  dot.shaderIntegerDotProduct = VK_TRUE;
  std::vector<const char*> extensions;
  if (adapter_->has_int8_dot) {
    features.pNext = &dot;
    extensions.push_back(VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME);
  }
  if (adapter_->tells_time) extensions.push_back(VK_EXT_CALIBRATED_TIMESTAMPS_EXTENSION_NAME);
  info.enabledExtensionCount = static_cast<uint32_t>(extensions.size());
  info.ppEnabledExtensionNames = extensions.data();
  info.queueCreateInfoCount = static_cast<uint32_t>(queues.size());
  info.pQueueCreateInfos = queues.data();
  CONCORD_VK_RETURN_IF_ERROR(instance_->vkCreateDevice(adapter_->handle, &info, nullptr, &device_));
  sdk::Status status = api_.Load(*instance_, device_);
  if (!status.ok()) return status;
  api_.vkGetDeviceQueue(device_, adapter_->compute_family, 0, &compute_queue_);
  api_.vkGetDeviceQueue(device_, adapter_->transfer_family, 0, &transfer_queue_);
  for (VkSemaphore* semaphore : {&launched_, &uploaded_, &asked_}) {
    sdk::Result<VkSemaphore> made = NewTimeline();
    if (!made.ok()) return made.status();
    *semaphore = *made;
  }
  return sdk::Ok();
}

sdk::Result<VkSemaphore> VulkanDriver::NewTimeline() {
  VkSemaphoreTypeCreateInfo type{VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO};
  type.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE;
  VkSemaphoreCreateInfo info{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
  info.pNext = &type;
  VkSemaphore semaphore = VK_NULL_HANDLE;
  CONCORD_VK_RETURN_IF_ERROR(api_.vkCreateSemaphore(device_, &info, nullptr, &semaphore));
  return semaphore;
}

sdk::Status VulkanDriver::OpenUploads() {
  upload_commands_ = std::make_unique<Commands>(&api_, device_);
  sdk::Status status = upload_commands_->Create(adapter_->transfer_family);
  if (!status.ok()) return status;
  sdk::Result<std::unique_ptr<VulkanBuffer>> staging = memory_->New(CONCORD_BUFFER_STAGING, kUploadBytes, 1);
  if (!staging.ok()) return staging.status();
  upload_staging_ = std::move(*staging);
  return sdk::Ok();
}

VulkanDriver::~VulkanDriver() {
  if (device_ == VK_NULL_HANDLE) return;
  if (api_.vkDeviceWaitIdle != nullptr) (void)api_.vkDeviceWaitIdle(device_);
  running_.clear();
  free_.clear();
  upload_commands_.reset();
  upload_staging_.reset();
  kernels_.reset();
  memory_.reset();
  if (api_.vkDestroySemaphore != nullptr) {
    api_.vkDestroySemaphore(device_, launched_, nullptr);
    api_.vkDestroySemaphore(device_, uploaded_, nullptr);
    api_.vkDestroySemaphore(device_, asked_, nullptr);
  }
  if (api_.vkDestroyDevice != nullptr) api_.vkDestroyDevice(device_, nullptr);
}

sdk::Result<std::unique_ptr<gpu::Buffer>> VulkanDriver::NewBuffer(int32_t usage, uint64_t size_bytes,
                                                                  uint64_t align_bytes) {
  sdk::Result<std::unique_ptr<VulkanBuffer>> made = memory_->New(usage, size_bytes, align_bytes);
  if (!made.ok()) return made.status();
  return std::unique_ptr<gpu::Buffer>(std::move(*made));
}

sdk::Result<const gpu::Kernel*> VulkanDriver::GetKernel(const gpu::KernelKey& key, uint32_t n_buffers,
                                                        uint32_t n_words) {
  sdk::Result<const VulkanKernel*> kernel = kernels_->Get(key, n_buffers, n_words);
  if (!kernel.ok()) return kernel.status();
  return static_cast<const gpu::Kernel*>(*kernel);
}

sdk::Status VulkanDriver::MemoryStats(concord_memory_stats* out) {
  memory_->Stats(out);
  const uint64_t own = upload_staging_->held();  // of the driver, not of what the host has made
  out->used_bytes -= own;
  out->peak_bytes -= own;
  return sdk::Ok();
}

sdk::Status VulkanDriver::Upload(gpu::Buffer& target, const void* data, uint64_t size_bytes) {
  std::lock_guard<std::mutex> lock(upload_mutex_);
  for (uint64_t at = 0; at < size_bytes; at += kUploadBytes) {
    const uint64_t piece = std::min(kUploadBytes, size_bytes - at);
    sdk::Result<void*> mapped = upload_staging_->Map(0, piece, CONCORD_MAP_WRITE);
    if (!mapped.ok()) return mapped.status();
    std::memcpy(*mapped, static_cast<const char*>(data) + at, piece);
    sdk::Status status = upload_staging_->FlushRange(0, piece);
    if (status.ok()) status = upload_commands_->Begin();
    if (!status.ok()) return status;
    upload_commands_->Copy(*upload_staging_, 0, Of(&target), at, piece);
    status = upload_commands_->End();
    if (!status.ok()) return status;
    uint64_t value = 0;
    {
      std::lock_guard<std::mutex> queue_lock(queue_mutex_);
      value = n_uploads_ + 1;
      status = Submit(transfer_queue_, *upload_commands_, uploaded_, value, false);
      if (!status.ok()) return status;
      n_uploads_ = value;
    }
    status = WaitFor(uploaded_, value);
    if (!status.ok()) return status;
  }
  return sdk::Ok();
}

// Under queue_mutex_.
sdk::Status VulkanDriver::Submit(VkQueue queue, const Commands& commands, VkSemaphore signal, uint64_t value,
                                 bool after_uploads) {
  // Uploads that the host knows of are over; the wait makes their writes visible to this queue.
  const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
  VkTimelineSemaphoreSubmitInfo timeline{VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO};
  timeline.signalSemaphoreValueCount = 1;
  timeline.pSignalSemaphoreValues = &value;
  VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
  info.pNext = &timeline;
  info.commandBufferCount = 1;
  const VkCommandBuffer buffer = commands.handle();
  info.pCommandBuffers = &buffer;
  info.signalSemaphoreCount = 1;
  info.pSignalSemaphores = &signal;
  if (after_uploads) {
    timeline.waitSemaphoreValueCount = 1;
    timeline.pWaitSemaphoreValues = &n_uploads_;
    info.waitSemaphoreCount = 1;
    info.pWaitSemaphores = &uploaded_;
    info.pWaitDstStageMask = &stage;
  }
  CONCORD_VK_RETURN_IF_ERROR(api_.vkQueueSubmit(queue, 1, &info, VK_NULL_HANDLE));
  return sdk::Ok();
}

sdk::Status VulkanDriver::WaitFor(VkSemaphore semaphore, uint64_t value) {
  VkSemaphoreWaitInfo info{VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO};
  info.semaphoreCount = 1;
  info.pSemaphores = &semaphore;
  info.pValues = &value;
  const VkResult result = api_.vkWaitSemaphores(device_, &info, UINT64_MAX);
  if (result == VK_SUCCESS) return sdk::Ok();
  // When the device is lost every wait may say so, also that for what had ended before.
  uint64_t reached = 0;
  if (api_.vkGetSemaphoreCounterValue(device_, semaphore, &reached) == VK_SUCCESS && reached >= value) return sdk::Ok();
  return VkError(result, "vkWaitSemaphores");
}

sdk::Result<std::unique_ptr<Commands>> VulkanDriver::TakeCommands() {
  {
    std::lock_guard<std::mutex> lock(commands_mutex_);
    if (!free_.empty()) {
      std::unique_ptr<Commands> commands = std::move(free_.back());
      free_.pop_back();
      return commands;
    }
  }
  auto commands = std::make_unique<Commands>(&api_, device_);
  sdk::Status status = commands->Create(adapter_->compute_family);
  if (!status.ok()) return status;
  return commands;
}

template <typename Record>
sdk::Status VulkanDriver::RecordAndSubmit(const gpu::Submission& submission, size_t most_times, Record record) {
  sdk::Result<std::unique_ptr<Commands>> taken = TakeCommands();
  if (!taken.ok()) return taken.status();
  std::unique_ptr<Commands> commands = std::move(*taken);
  sdk::Status status = commands->Begin();
  if (status.ok() && submission.timed) status = commands->BeginTimes(static_cast<uint32_t>(most_times));
  if (status.ok()) status = record(*commands);
  if (status.ok()) status = commands->End();
  if (status.ok()) {
    std::lock_guard<std::mutex> lock(queue_mutex_);
    status = Submit(compute_queue_, *commands, launched_, submission.number, true);
  }
  std::lock_guard<std::mutex> lock(commands_mutex_);
  if (status.ok()) {
    running_.emplace_back(submission.number, std::move(commands));
  } else {
    free_.push_back(std::move(commands));
  }
  return status;
}

sdk::Status VulkanDriver::LaunchDispatches(const gpu::Dispatch* dispatches, size_t count,
                                           const gpu::Submission& submission) {
  return RecordAndSubmit(submission, count + 1, [&](Commands& commands) {
    for (size_t i = 0; i < count; ++i) {
      sdk::Status status = commands.Add(dispatches[i], adapter_->max_groups_x);
      if (!status.ok()) {
        status.op_index = dispatches[i].op_index;
        return status;
      }
      const bool last = i + 1 == count || dispatches[i + 1].op_index != dispatches[i].op_index;
      if (last && submission.timed) commands.EndSpan(dispatches[i].op_index);
    }
    return sdk::Ok();
  });
}

sdk::Status VulkanDriver::LaunchCopy(const gpu::BoundRange& from, const gpu::BoundRange& to,
                                     const gpu::Submission& submission) {
  return RecordAndSubmit(submission, 2, [&](Commands& commands) {
    commands.Copy(Of(from.buffer), from.offset_bytes, Of(to.buffer), to.offset_bytes, from.size_bytes);
    if (submission.timed) commands.EndSpan(CONCORD_NONE);
    return sdk::Ok();
  });
}

sdk::Status VulkanDriver::LaunchFill(const gpu::BoundRange& to, uint32_t pattern, const gpu::Submission& submission) {
  return RecordAndSubmit(submission, 2, [&](Commands& commands) {
    commands.Fill(Of(to.buffer), to.offset_bytes, to.size_bytes, pattern);
    if (submission.timed) commands.EndSpan(CONCORD_NONE);
    return sdk::Ok();
  });
}

sdk::Status VulkanDriver::WaitLaunched(const gpu::Submission& submission, std::vector<gpu::Span>* spans) {
  sdk::Status status = WaitFor(launched_, submission.number);
  if (!status.ok()) return status;  // its commands may still be in use, and are kept to the end
  std::lock_guard<std::mutex> lock(commands_mutex_);
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [&](const auto& entry) { return entry.first == submission.number; });
  if (found == running_.end()) return status;
  if (submission.timed) status = found->second->ReadSpans(&clock_, spans);
  free_.push_back(std::move(found->second));
  running_.erase(found);
  return status;
}

}  // namespace concord::vulkan
