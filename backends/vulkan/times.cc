#include "backends/vulkan/driver.h"

namespace concord::vulkan {

sdk::Status VulkanDriver::EnableTimes() {
  if (clock_.bits() != 0) return sdk::Ok();
  return sdk::Error(CONCORD_UNIMPLEMENTED, adapter_->name, " has no clock for its compute queue");
}

// By the extension without a command; else by commands that do nothing else, behind what the queue still has to do.
sdk::Result<uint64_t> VulkanDriver::Now() {
  std::lock_guard<std::mutex> lock(clock_mutex_);
  if (api_.vkGetCalibratedTimestampsEXT != nullptr) {
    VkCalibratedTimestampInfoEXT info{VK_STRUCTURE_TYPE_CALIBRATED_TIMESTAMP_INFO_EXT};
    info.timeDomain = VK_TIME_DOMAIN_DEVICE_EXT;
    uint64_t ticks = 0, deviation = 0;
    CONCORD_VK_RETURN_IF_ERROR(api_.vkGetCalibratedTimestampsEXT(device_, 1, &info, &ticks, &deviation));
    return clock_.Unwrap(ticks);
  }
  Commands commands(&api_, device_);
  sdk::Status status = commands.Create(adapter_->compute_family);
  if (status.ok()) status = commands.Begin();
  if (status.ok()) status = commands.BeginTimes(2);
  if (!status.ok()) return status;
  commands.EndSpan(CONCORD_NONE);
  status = commands.End();
  if (!status.ok()) return status;
  {
    std::lock_guard<std::mutex> queue_lock(queue_mutex_);
    status = Submit(compute_queue_, commands, asked_, n_asked_ + 1, false);
  }
  if (status.ok()) status = WaitFor(asked_, ++n_asked_);
  std::vector<gpu::Span> spans;
  if (status.ok()) status = commands.ReadSpans(&clock_, &spans);
  if (!status.ok()) return status;
  return spans[0].end_ticks;
}

}  // namespace concord::vulkan
