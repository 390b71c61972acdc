#include "backends/vulkan/memory.h"

#include <algorithm>
#include <utility>

namespace concord::vulkan {
namespace {

// Larger than any alignment that Vulkan may ask of a storage buffer (256), so that ranges never share a cache line's
// flush.
constexpr uint64_t kAlign = 256, kPage = 4096;
constexpr uint64_t kDeviceChunk = uint64_t{64} << 20, kStagingChunk = uint64_t{8} << 20;

uint64_t AlignUp(uint64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

}  // namespace

Memory::~Memory() {
  for (Chunk& chunk : chunks_) Destroy(&chunk);
}

sdk::Result<std::unique_ptr<VulkanBuffer>> Memory::New(int32_t usage, uint64_t size_bytes, uint64_t align_bytes) {
  const bool staging = usage == CONCORD_BUFFER_STAGING;
  std::lock_guard<std::mutex> lock(mutex_);
  if (size_bytes > adapter_->max_allocation_bytes) return adapter_->Exhausted(size_bytes, device_chunks_);
  // Chunks are mapped at the start of a page.
  if (staging && align_bytes > kPage) {
    return sdk::Error(CONCORD_UNIMPLEMENTED, "staging memory of Vulkan is aligned to ", kPage, " bytes, not to ",
                      align_bytes);
  }
  const uint64_t held = AlignUp(std::max<uint64_t>(size_bytes, 1)), align = std::max(align_bytes, kAlign);
  Chunk* chunk = nullptr;
  std::optional<uint64_t> offset;
  for (Chunk& candidate : chunks_) {
    if (candidate.staging != staging) continue;
    offset = candidate.ranges.Allocate(held, align);
    chunk = &candidate;
    if (offset) break;
  }
  if (!offset) {
    sdk::Result<Chunk*> made = NewChunk(staging, held);
    if (!made.ok()) return made.status();
    chunk = *made;
    offset = chunk->ranges.Allocate(held, align);
  }
  used_ += held;
  peak_ = std::max(peak_, used_);
  return std::make_unique<VulkanBuffer>(this, chunk, *offset, size_bytes, held);
}

sdk::Result<Memory::Chunk*> Memory::NewChunk(bool staging, uint64_t size_bytes) {
  const uint64_t usual = std::min(staging ? kStagingChunk : kDeviceChunk, adapter_->max_allocation_bytes);
  for (uint64_t size : {std::max(usual, size_bytes), size_bytes}) {
    if (!staging && size > adapter_->FreeBytes(device_chunks_)) continue;
    Chunk& chunk = chunks_.emplace_back(size);
    chunk.staging = staging;
    sdk::Status status = Allocate(&chunk);
    if (status.ok()) {
      if (!staging) device_chunks_ += size;
      return &chunk;
    }
    Destroy(&chunk);
    chunks_.pop_back();
    if (status.code != CONCORD_RESOURCE_EXHAUSTED) return status;
  }
  return adapter_->Exhausted(size_bytes, device_chunks_);
}

sdk::Status Memory::Allocate(Chunk* chunk) {
  const uint32_t families[] = {adapter_->compute_family, adapter_->transfer_family};
  VkBufferCreateInfo info{VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO};
  info.size = chunk->ranges.size();
  info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
  if (families[0] != families[1]) {
    info.sharingMode = VK_SHARING_MODE_CONCURRENT;
    info.queueFamilyIndexCount = 2;
    info.pQueueFamilyIndices = families;
  }
  CONCORD_VK_RETURN_IF_ERROR(api_->vkCreateBuffer(device_, &info, nullptr, &chunk->buffer));
  VkMemoryRequirements needs{};
  api_->vkGetBufferMemoryRequirements(device_, chunk->buffer, &needs);
  VkMemoryAllocateInfo allocate{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
  allocate.allocationSize = needs.size;
  allocate.memoryTypeIndex = chunk->staging ? adapter_->staging_memory_type : adapter_->device_memory_type;
  if ((needs.memoryTypeBits >> allocate.memoryTypeIndex & 1u) == 0) {
    return sdk::Error(CONCORD_INTERNAL, "storage buffers of this device cannot lie in memory type ",
                      allocate.memoryTypeIndex);
  }
  CONCORD_VK_RETURN_IF_ERROR(api_->vkAllocateMemory(device_, &allocate, nullptr, &chunk->memory));
  CONCORD_VK_RETURN_IF_ERROR(api_->vkBindBufferMemory(device_, chunk->buffer, chunk->memory, 0));
  if (chunk->staging) {
    void* mapped = nullptr;
    CONCORD_VK_RETURN_IF_ERROR(api_->vkMapMemory(device_, chunk->memory, 0, VK_WHOLE_SIZE, 0, &mapped));
    chunk->mapped = static_cast<char*>(mapped);
  }
  return sdk::Ok();
}

void Memory::Destroy(Chunk* chunk) {
  if (chunk->buffer != VK_NULL_HANDLE) api_->vkDestroyBuffer(device_, chunk->buffer, nullptr);
  if (chunk->memory != VK_NULL_HANDLE) api_->vkFreeMemory(device_, chunk->memory, nullptr);
}

void Memory::Free(Chunk* chunk, uint64_t offset, uint64_t size) {
  std::lock_guard<std::mutex> lock(mutex_);
  chunk->ranges.Free(offset, size);
  used_ -= size;
  if (chunk->ranges.used() != 0) return;
  if (!chunk->staging) device_chunks_ -= chunk->ranges.size();
  Destroy(chunk);
  chunks_.remove_if([chunk](const Chunk& other) { return &other == chunk; });
}

void Memory::Stats(concord_memory_stats* out) {
  std::lock_guard<std::mutex> lock(mutex_);
  out->used_bytes = used_;
  out->peak_bytes = peak_;
  out->total_bytes = adapter_->memory_bytes;
  out->free_bytes = adapter_->FreeBytes(device_chunks_);
}

sdk::Result<void*> VulkanBuffer::Map(uint64_t offset_bytes, uint64_t size_bytes, uint32_t access) {
  if (chunk_->mapped == nullptr) return Buffer::Map(offset_bytes, size_bytes, access);
  sdk::Status status = CheckRange(offset_bytes, size_bytes);
  if (!status.ok()) return status;
  return static_cast<void*>(chunk_->mapped + offset_ + offset_bytes);
}

// Both ways, since the host does not say which it means; memory that is not coherent is rare.
sdk::Status VulkanBuffer::FlushRange(uint64_t offset_bytes, uint64_t size_bytes) {
  if (chunk_->mapped == nullptr) {
    return sdk::Error(CONCORD_FAILED_PRECONDITION, "flush of a buffer that cannot be mapped");
  }
  sdk::Status status = CheckRange(offset_bytes, size_bytes);
  if (!status.ok() || memory_->adapter_->staging_coherent || size_bytes == 0) return status;
  const uint64_t atom = memory_->adapter_->non_coherent_atom;
  VkMappedMemoryRange range{VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE};
  range.memory = chunk_->memory;
  range.offset = (offset_ + offset_bytes) / atom * atom;
  const uint64_t end = (offset_ + offset_bytes + size_bytes + atom - 1) / atom * atom;
  range.size = end >= chunk_->ranges.size() ? VK_WHOLE_SIZE : end - range.offset;
  CONCORD_VK_RETURN_IF_ERROR(memory_->api_->vkFlushMappedMemoryRanges(memory_->device_, 1, &range));
  CONCORD_VK_RETURN_IF_ERROR(memory_->api_->vkInvalidateMappedMemoryRanges(memory_->device_, 1, &range));
  return sdk::Ok();
}

}  // namespace concord::vulkan
