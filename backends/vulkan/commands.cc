#include "backends/vulkan/commands.h"

#include <algorithm>

#include "backends/vulkan/kernels.h"

namespace concord::vulkan {
namespace {

// A descriptor pool serves this many dispatches: a step of a small model. Longer steps take several.
constexpr uint32_t kSetsAPool = 256, kBuffersASet = 8;

constexpr VkPipelineStageFlags kWork = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;

}  // namespace

Commands::~Commands() {
  for (VkDescriptorPool pool : descriptors_) api_->vkDestroyDescriptorPool(device_, pool, nullptr);
  if (times_ != VK_NULL_HANDLE) api_->vkDestroyQueryPool(device_, times_, nullptr);
  if (pool_ != VK_NULL_HANDLE) api_->vkDestroyCommandPool(device_, pool_, nullptr);
}

sdk::Status Commands::Create(uint32_t queue_family) {
  VkCommandPoolCreateInfo pool{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
  pool.queueFamilyIndex = queue_family;
  CONCORD_VK_RETURN_IF_ERROR(api_->vkCreateCommandPool(device_, &pool, nullptr, &pool_));
  VkCommandBufferAllocateInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
  info.commandPool = pool_;
  info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
  info.commandBufferCount = 1;
  CONCORD_VK_RETURN_IF_ERROR(api_->vkAllocateCommandBuffers(device_, &info, &buffer_));
  return sdk::Ok();
}

sdk::Status Commands::Begin() {
  CONCORD_VK_RETURN_IF_ERROR(api_->vkResetCommandPool(device_, pool_, 0));
  for (VkDescriptorPool pool : descriptors_) {
    CONCORD_VK_RETURN_IF_ERROR(api_->vkResetDescriptorPool(device_, pool, 0));
  }
  current_descriptors_ = 0;
  VkCommandBufferBeginInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  info.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
  CONCORD_VK_RETURN_IF_ERROR(api_->vkBeginCommandBuffer(buffer_, &info));
  Barrier(VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_ACCESS_MEMORY_READ_BIT);
  return sdk::Ok();
}

void Commands::Barrier(VkPipelineStageFlags before, VkPipelineStageFlags after, VkAccessFlags reads) {
  VkMemoryBarrier barrier{VK_STRUCTURE_TYPE_MEMORY_BARRIER};
  barrier.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT;
  barrier.dstAccessMask = reads | (after == VK_PIPELINE_STAGE_HOST_BIT ? 0 : VK_ACCESS_MEMORY_WRITE_BIT);
  api_->vkCmdPipelineBarrier(buffer_, before, after, 0, 1, &barrier, 0, nullptr, 0, nullptr);
}

sdk::Result<VkDescriptorSet> Commands::NewSet(VkDescriptorSetLayout layout) {
  for (;; ++current_descriptors_) {
    const bool fresh = current_descriptors_ == descriptors_.size();
    if (fresh) {
      const VkDescriptorPoolSize size{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, kSetsAPool * kBuffersASet};
      VkDescriptorPoolCreateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO};
      info.maxSets = kSetsAPool;
      info.poolSizeCount = 1;
      info.pPoolSizes = &size;
      VkDescriptorPool pool = VK_NULL_HANDLE;
      CONCORD_VK_RETURN_IF_ERROR(api_->vkCreateDescriptorPool(device_, &info, nullptr, &pool));
      descriptors_.push_back(pool);
    }
    VkDescriptorSetAllocateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO};
    info.descriptorPool = descriptors_[current_descriptors_];
    info.descriptorSetCount = 1;
    info.pSetLayouts = &layout;
    VkDescriptorSet set = VK_NULL_HANDLE;
    const VkResult result = api_->vkAllocateDescriptorSets(device_, &info, &set);
    if (result == VK_SUCCESS) return set;
    if (fresh || (result != VK_ERROR_OUT_OF_POOL_MEMORY && result != VK_ERROR_FRAGMENTED_POOL)) {
      return VkError(result, "vkAllocateDescriptorSets");
    }
  }
}

sdk::Status Commands::Add(const gpu::Dispatch& dispatch, uint32_t max_groups_x) {
  const auto& kernel = *static_cast<const VulkanKernel*>(dispatch.kernel);
  sdk::Result<VkDescriptorSet> set = NewSet(kernel.set_layout);
  if (!set.ok()) return set.status();
  infos_.clear();
  for (const gpu::BoundRange& arg : dispatch.args) {
    const auto& buffer = *static_cast<const VulkanBuffer*>(arg.buffer);
    // Kernels read vectors of four words, so the range is rounded up to whole ones; the buffer holds that much.
    const uint64_t size = std::min((std::max<uint64_t>(arg.size_bytes, 1) + 15) / 16 * 16,
                                   buffer.held() - std::min(arg.offset_bytes, buffer.held() - 16));
    infos_.push_back({buffer.handle(), buffer.offset() + std::min(arg.offset_bytes, buffer.held() - 16), size});
  }
  writes_.clear();
  for (uint32_t i = 0; i < infos_.size(); ++i) {
    VkWriteDescriptorSet write{VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET};
    write.dstSet = *set;
    write.dstBinding = i;
    write.descriptorCount = 1;
    write.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
    write.pBufferInfo = &infos_[i];
    writes_.push_back(write);
  }
  api_->vkUpdateDescriptorSets(device_, static_cast<uint32_t>(writes_.size()), writes_.data(), 0, nullptr);
  if (dispatch.barrier) Barrier(kWork, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, VK_ACCESS_MEMORY_READ_BIT);
  api_->vkCmdBindPipeline(buffer_, VK_PIPELINE_BIND_POINT_COMPUTE, kernel.pipeline);
  api_->vkCmdBindDescriptorSets(buffer_, VK_PIPELINE_BIND_POINT_COMPUTE, kernel.layout, 0, 1, &*set, 0, nullptr);
  if (!dispatch.words.empty()) {
    api_->vkCmdPushConstants(buffer_, kernel.layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                             static_cast<uint32_t>(dispatch.words.size() * 4), dispatch.words.data());
  }
  const uint32_t x = std::min(dispatch.groups, max_groups_x);
  api_->vkCmdDispatch(buffer_, x, (dispatch.groups + x - 1) / x, dispatch.layers);
  return sdk::Ok();
}

void Commands::Copy(const VulkanBuffer& from, uint64_t from_offset, const VulkanBuffer& to, uint64_t to_offset,
                    uint64_t size) {
  if (size == 0) return;
  const VkBufferCopy region{from.offset() + from_offset, to.offset() + to_offset, size};
  api_->vkCmdCopyBuffer(buffer_, from.handle(), to.handle(), 1, &region);
}

void Commands::Fill(const VulkanBuffer& to, uint64_t offset, uint64_t size, uint32_t pattern) {
  if (size != 0) api_->vkCmdFillBuffer(buffer_, to.handle(), to.offset() + offset, size, pattern);
}

sdk::Status Commands::BeginTimes(uint32_t most) {
  if (most > most_times_) {
    if (times_ != VK_NULL_HANDLE) api_->vkDestroyQueryPool(device_, times_, nullptr);
    times_ = VK_NULL_HANDLE;
    most_times_ = 0;
    VkQueryPoolCreateInfo info{VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO};
    info.queryType = VK_QUERY_TYPE_TIMESTAMP;
    info.queryCount = most;
    CONCORD_VK_RETURN_IF_ERROR(api_->vkCreateQueryPool(device_, &info, nullptr, &times_));
    most_times_ = most;
  }
  timed_ops_.clear();
  api_->vkCmdResetQueryPool(buffer_, times_, 0, most);
  WriteTime(0);
  return sdk::Ok();
}

void Commands::EndSpan(uint32_t op_index) {
  timed_ops_.push_back(op_index);
  WriteTime(static_cast<uint32_t>(timed_ops_.size()));
}

// When all before it has finished.
void Commands::WriteTime(uint32_t index) {
  api_->vkCmdWriteTimestamp(buffer_, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, times_, index);
}

sdk::Status Commands::ReadSpans(Clock* clock, std::vector<gpu::Span>* spans) {
  std::vector<uint64_t> ticks(timed_ops_.size() + 1);
  CONCORD_VK_RETURN_IF_ERROR(api_->vkGetQueryPoolResults(
      device_, times_, 0, static_cast<uint32_t>(ticks.size()), ticks.size() * sizeof(uint64_t), ticks.data(),
      sizeof(uint64_t), VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
  for (uint64_t& t : ticks) t = clock->Unwrap(t);
  for (size_t i = 0; i < timed_ops_.size(); ++i) spans->push_back({timed_ops_[i], ticks[i], ticks[i + 1]});
  return sdk::Ok();
}

sdk::Status Commands::End() {
  Barrier(VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_HOST_BIT, VK_ACCESS_HOST_READ_BIT);
  CONCORD_VK_RETURN_IF_ERROR(api_->vkEndCommandBuffer(buffer_));
  return sdk::Ok();
}

}  // namespace concord::vulkan
