#include "backends/opencl/memory.h"

#include <algorithm>
#include <utility>

namespace concord::opencl {
namespace {

// Whole vectors of four words, which kernels read, and whole lines of any cache.
constexpr uint64_t kAlign = 256;

uint64_t AlignUp(uint64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

// Bytes from an address to the next that is a multiple of a power of two.
uint64_t PaddingTo(const void* address, uint64_t align) {
  return (0 - reinterpret_cast<uintptr_t>(address)) & (align - 1);
}

}  // namespace

sdk::Result<std::unique_ptr<OpenClBuffer>> Memory::New(int32_t usage, uint64_t size_bytes, uint64_t align_bytes) {
  const bool staging = usage == CONCORD_BUFFER_STAGING;
  // Where a driver maps memory to is its own affair.
  const uint64_t slack = staging && align_bytes > 1 ? align_bytes : 0;
  const uint64_t held = AlignUp(std::max<uint64_t>(size_bytes, 1)) + slack;
  sdk::Status status = Reserve(staging, size_bytes, held);
  if (!status.ok()) return status;
  auto buffer = std::make_unique<OpenClBuffer>(this, size_bytes, held, staging);
  status = Back(buffer.get(), align_bytes);
  if (status.ok()) return buffer;
  if (status.code != CONCORD_RESOURCE_EXHAUSTED) return status;
  buffer.reset();
  std::lock_guard<std::mutex> lock(mutex_);
  const int64_t vendor_code = status.vendor_code;
  status = adapter_->Exhausted(size_bytes, device_used_);
  status.vendor_code = vendor_code;
  return status;
}

sdk::Status Memory::Reserve(bool staging, uint64_t size_bytes, uint64_t held_bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  const bool fits =
      size_bytes <= adapter_->max_allocation_bytes && (staging || held_bytes <= adapter_->FreeBytes(device_used_));
  if (!fits) return adapter_->Exhausted(size_bytes, device_used_);
  used_ += held_bytes;
  peak_ = std::max(peak_, used_);
  if (!staging) device_used_ += held_bytes;
  return sdk::Ok();
}

void Memory::Release(bool staging, uint64_t held_bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  used_ -= held_bytes;
  if (!staging) device_used_ -= held_bytes;
}

// Drivers put off taking memory until a command needs it, which would be in the middle of an answer: one needs it now.
sdk::Status Memory::Back(OpenClBuffer* buffer, uint64_t align_bytes) {
  const cl_mem_flags flags = buffer->staging_ ? CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR : CL_MEM_READ_WRITE;
  cl_int result = CL_SUCCESS;
  buffer->handle_ = api_->clCreateBuffer(context_, flags, buffer->held_, nullptr, &result);
  if (result != CL_SUCCESS) return ClError(result, "clCreateBuffer");
  if (buffer->staging_) {
    void* mapped = api_->clEnqueueMapBuffer(queue_, buffer->handle_, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0,
                                            buffer->held_, 0, nullptr, nullptr, &result);
    if (result != CL_SUCCESS) return ClError(result, "clEnqueueMapBuffer");
    buffer->mapped_ = static_cast<char*>(mapped);
    buffer->begin_ = buffer->mapped_ + PaddingTo(mapped, align_bytes);
    return sdk::Ok();
  }
  const cl_uint zero = 0;
  cl_event filled = nullptr;
  CONCORD_CL_RETURN_IF_ERROR(
      api_->clEnqueueFillBuffer(queue_, buffer->handle_, &zero, sizeof(zero), 0, sizeof(zero), 0, nullptr, &filled));
  result = WaitFor(*api_, filled);
  (void)api_->clReleaseEvent(filled);
  return result == CL_SUCCESS ? sdk::Ok() : ClError(result, "clEnqueueFillBuffer");
}

void Memory::Stats(concord_memory_stats* out) {
  std::lock_guard<std::mutex> lock(mutex_);
  out->used_bytes = used_;
  out->peak_bytes = peak_;
  out->total_bytes = adapter_->memory_bytes;
  out->free_bytes = adapter_->FreeBytes(device_used_);
}

OpenClBuffer::~OpenClBuffer() {
  const Api& api = *memory_->api_;
  if (mapped_ != nullptr) {
    cl_event unmapped = nullptr;
    if (api.clEnqueueUnmapMemObject(memory_->queue_, handle_, mapped_, 0, nullptr, &unmapped) == CL_SUCCESS) {
      (void)WaitFor(api, unmapped);
      (void)api.clReleaseEvent(unmapped);
    }
  }
  if (handle_ != nullptr) (void)api.clReleaseMemObject(handle_);
  memory_->Release(staging_, held_);
}

sdk::Result<void*> OpenClBuffer::Map(uint64_t offset_bytes, uint64_t size_bytes, uint32_t access) {
  if (begin_ == nullptr) return Buffer::Map(offset_bytes, size_bytes, access);
  sdk::Status status = CheckRange(offset_bytes, size_bytes);
  if (!status.ok()) return status;
  return static_cast<void*>(begin_ + offset_bytes);
}

sdk::Status OpenClBuffer::FlushRange(uint64_t offset_bytes, uint64_t size_bytes) {
  if (begin_ == nullptr) {
    return sdk::Error(CONCORD_FAILED_PRECONDITION, "flush of a buffer that cannot be mapped");
  }
  return CheckRange(offset_bytes, size_bytes);
}

}  // namespace concord::opencl
