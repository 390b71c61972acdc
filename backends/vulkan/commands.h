#pragma once

#include <cstdint>
#include <vector>

#include "backends/gpu/driver.h"
#include "backends/vulkan/api.h"
#include "backends/vulkan/clock.h"
#include "backends/vulkan/memory.h"

namespace concord::vulkan {

// A command buffer with the descriptors that it uses, recycled when the device has run it. One thread at a time.
class Commands {
 public:
  Commands(const DeviceApi* api, VkDevice device) : api_(api), device_(device) {}
  ~Commands();
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  sdk::Status Create(uint32_t queue_family);
  // Begins behind everything that the queue was given before, whose writes are then visible.
  sdk::Status Begin();
  sdk::Status Add(const gpu::Dispatch& dispatch, uint32_t max_groups_x);
  void Copy(const VulkanBuffer& from, uint64_t from_offset, const VulkanBuffer& to, uint64_t to_offset, uint64_t size);
  void Fill(const VulkanBuffer& to, uint64_t offset, uint64_t size, uint32_t pattern);
  // Before what is to be timed, room for at most `most` times; ends the span of an op, which begins where the one
  // before it ends.
  sdk::Status BeginTimes(uint32_t most);
  void EndSpan(uint32_t op_index);
  // When the commands have run.
  sdk::Status ReadSpans(Clock* clock, std::vector<gpu::Span>* spans);
  // Makes the writes visible to the host.
  sdk::Status End();

  VkCommandBuffer handle() const { return buffer_; }

 private:
  sdk::Result<VkDescriptorSet> NewSet(VkDescriptorSetLayout layout);
  void WriteTime(uint32_t index);
  void Barrier(VkPipelineStageFlags before, VkPipelineStageFlags after, VkAccessFlags reads);

  const DeviceApi* api_;
  VkDevice device_;
  VkCommandPool pool_ = VK_NULL_HANDLE;
  VkCommandBuffer buffer_ = VK_NULL_HANDLE;
  std::vector<VkDescriptorPool> descriptors_;
  size_t current_descriptors_ = 0;
  VkQueryPool times_ = VK_NULL_HANDLE;
  uint32_t most_times_ = 0;
  std::vector<uint32_t> timed_ops_;  // one time fewer than there are
  std::vector<VkDescriptorBufferInfo> infos_;
  std::vector<VkWriteDescriptorSet> writes_;
};

}  // namespace concord::vulkan
