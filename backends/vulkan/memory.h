#pragma once

#include <list>
#include <memory>
#include <mutex>

#include "backends/gpu/buffer.h"
#include "backends/vulkan/adapter.h"
#include "backends/vulkan/api.h"

namespace concord::vulkan {

class VulkanBuffer;

// The memory of a VkDevice: drivers give few and large pieces (maxMemoryAllocationCount may be 4096), so buffers are
// ranges of chunks. Threads: any. Outlives its buffers.
class Memory {
 public:
  // `adapter`, `api` and the device outlive this.
  Memory(const Adapter* adapter, const DeviceApi* api, VkDevice device)
      : adapter_(adapter), api_(api), device_(device) {}
  ~Memory();

  // CONCORD_BUFFER_DEVICE or _STAGING; staging memory is mapped for as long as it lives.
  sdk::Result<std::unique_ptr<VulkanBuffer>> New(int32_t usage, uint64_t size_bytes, uint64_t align_bytes);
  void Stats(concord_memory_stats* out);

 private:
  friend class VulkanBuffer;

  struct Chunk {
    explicit Chunk(uint64_t size) : ranges(size) {}
    bool staging = false;
    VkBuffer buffer = VK_NULL_HANDLE;
    VkDeviceMemory memory = VK_NULL_HANDLE;
    char* mapped = nullptr;
    sdk::RangeAllocator ranges;
  };

  sdk::Result<Chunk*> NewChunk(bool staging, uint64_t size_bytes);
  sdk::Status Allocate(Chunk* chunk);
  void Destroy(Chunk* chunk);
  void Free(Chunk* chunk, uint64_t offset, uint64_t size);

  const Adapter* adapter_;
  const DeviceApi* api_;
  VkDevice device_;
  std::mutex mutex_;
  std::list<Chunk> chunks_;
  uint64_t used_ = 0, peak_ = 0;  // of buffers
  uint64_t device_chunks_ = 0;    // what chunks of device memory have taken from the heap
};

class VulkanBuffer final : public gpu::Buffer {
 public:
  VulkanBuffer(Memory* memory, Memory::Chunk* chunk, uint64_t offset, uint64_t size_bytes, uint64_t held_bytes)
      : Buffer(size_bytes), memory_(memory), chunk_(chunk), offset_(offset), held_(held_bytes) {}
  ~VulkanBuffer() override { memory_->Free(chunk_, offset_, held_); }

  sdk::Result<void*> Map(uint64_t offset_bytes, uint64_t size_bytes, uint32_t access) override;
  sdk::Status FlushRange(uint64_t offset_bytes, uint64_t size_bytes) override;

  VkBuffer handle() const { return chunk_->buffer; }
  uint64_t offset() const { return offset_; }  // in `handle`
  uint64_t held() const { return held_; }      // bytes that can be bound; no less than its size

 private:
  Memory* memory_;
  Memory::Chunk* chunk_;
  uint64_t offset_, held_;
};

}  // namespace concord::vulkan
