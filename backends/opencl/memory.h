#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "backends/gpu/buffer.h"
#include "backends/opencl/adapter.h"
#include "backends/opencl/api.h"

namespace concord::opencl {

class OpenClBuffer;

// The memory of a context, a memory object for each buffer: kernels take it with an offset, so that nothing is gained
// by sharing one. Threads: any. Outlives its buffers.
class Memory {
 public:
  // All outlive this; `queue` is in order and gets short commands of its own.
  Memory(const Adapter* adapter, const Api* api, cl_context context, cl_command_queue queue)
      : adapter_(adapter), api_(api), context_(context), queue_(queue) {}

  // CONCORD_BUFFER_DEVICE or _STAGING.
  sdk::Result<std::unique_ptr<OpenClBuffer>> New(int32_t usage, uint64_t size_bytes, uint64_t align_bytes);
  void Stats(concord_memory_stats* out);

 private:
  friend class OpenClBuffer;

  sdk::Status Reserve(bool staging, uint64_t size_bytes, uint64_t held_bytes);
  void Release(bool staging, uint64_t held_bytes);
  sdk::Status Back(OpenClBuffer* buffer, uint64_t align_bytes);

  const Adapter* adapter_;
  const Api* api_;
  cl_context context_;
  cl_command_queue queue_;
  std::mutex mutex_;
  uint64_t used_ = 0, peak_ = 0;  // of buffers
  uint64_t device_used_ = 0;      // of those that are no staging
};

// Staging memory is a memory object that is mapped once, for good, and that no command is given: OpenCL leaves open
// what a command does to an object that is mapped. Its address goes to reads and writes of other objects, for which
// drivers have then pinned it.
class OpenClBuffer final : public gpu::Buffer {
 public:
  OpenClBuffer(Memory* memory, uint64_t size_bytes, uint64_t held_bytes, bool staging)
      : Buffer(size_bytes), memory_(memory), held_(held_bytes), staging_(staging) {}
  ~OpenClBuffer() override;

  sdk::Result<void*> Map(uint64_t offset_bytes, uint64_t size_bytes, uint32_t access) override;
  sdk::Status FlushRange(uint64_t offset_bytes, uint64_t size_bytes) override;

  cl_mem handle() const { return handle_; }
  char* begin() const { return begin_; }  // null unless staging memory
  uint64_t held() const { return held_; }

 private:
  friend class Memory;

  Memory* memory_;
  uint64_t held_;  // no less than its size
  bool staging_;
  cl_mem handle_ = nullptr;
  char* mapped_ = nullptr;
  char* begin_ = nullptr;  // the first aligned address
};

}  // namespace concord::opencl
