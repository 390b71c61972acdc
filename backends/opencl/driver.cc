#include "backends/opencl/driver.h"

#include <algorithm>
#include <cstring>

namespace concord::opencl {
namespace {

// What goes from host memory to host memory by way of the device goes in pieces of this size.
constexpr uint64_t kBounceBytes = uint64_t{256} << 10;

const OpenClBuffer& Of(const gpu::Buffer* buffer) { return *static_cast<const OpenClBuffer*>(buffer); }

gpu::BoundRange Piece(const gpu::BoundRange& range, uint64_t at, uint64_t size) {
  return {range.buffer, range.offset_bytes + at, size, range.write};
}

// Out of resources while it runs: drivers say so of a kernel that was stopped and of a device that was reset or is
// gone.
sdk::Status LostError(cl_int result) {
  sdk::Status status = ClError(result, "clWaitForEvents");
  if (result == CL_MEM_OBJECT_ALLOCATION_FAILURE || result == CL_OUT_OF_HOST_MEMORY) return status;
  status.code = CONCORD_UNAVAILABLE;
  status.message += ": the device stopped in the middle of its work; close it and open it again";
  return status;
}

}  // namespace

sdk::Result<std::unique_ptr<OpenClDriver>> OpenClDriver::Open(const sdk::Host* host, const Api* api,
                                                              const Adapter* adapter) {
  std::unique_ptr<OpenClDriver> made(new OpenClDriver(api, adapter));
  sdk::Status status = made->OpenQueues();
  if (!status.ok()) return status;
  made->memory_ = std::make_unique<Memory>(adapter, api, made->context_, made->uploads_);
  made->kernels_ = std::make_unique<Kernels>(host, adapter, api, made->context_);
  sdk::Result<std::unique_ptr<OpenClBuffer>> bounce = made->memory_->New(CONCORD_BUFFER_DEVICE, kBounceBytes, 1);
  if (!bounce.ok()) return bounce.status();
  made->bounce_ = std::move(*bounce);
  return made;
}

// In order: a command sees what those before it wrote, so that no barrier is asked for. Out of order, dispatches
// without a barrier between them could overlap; on devices that have such queues that is worth a measurement.
sdk::Status OpenClDriver::OpenQueues() {
  const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                              reinterpret_cast<cl_context_properties>(adapter_->platform), 0};
  cl_int result = CL_SUCCESS;
  context_ = api_->clCreateContext(properties, 1, &adapter_->handle, nullptr, nullptr, &result);
  if (result != CL_SUCCESS) return ClError(result, "clCreateContext");
  for (cl_command_queue* queue : {&queue_, &uploads_}) {
    *queue = api_->clCreateCommandQueue(context_, adapter_->handle, 0, &result);
    if (result != CL_SUCCESS) return ClError(result, "clCreateCommandQueue");
  }
  return sdk::Ok();
}

OpenClDriver::~OpenClDriver() {
  for (cl_command_queue queue : {queue_, uploads_}) {
    if (queue != nullptr) (void)api_->clFinish(queue);
  }
  for (auto& [ticket, event] : events_) (void)api_->clReleaseEvent(event);
  bounce_.reset();
  kernels_.reset();
  memory_.reset();
  for (cl_command_queue queue : {queue_, uploads_}) {
    if (queue != nullptr) (void)api_->clReleaseCommandQueue(queue);
  }
  if (context_ != nullptr) (void)api_->clReleaseContext(context_);
}

sdk::Result<std::unique_ptr<gpu::Buffer>> OpenClDriver::NewBuffer(int32_t usage, uint64_t size_bytes,
                                                                  uint64_t align_bytes) {
  sdk::Result<std::unique_ptr<OpenClBuffer>> made = memory_->New(usage, size_bytes, align_bytes);
  if (!made.ok()) return made.status();
  return std::unique_ptr<gpu::Buffer>(std::move(*made));
}

sdk::Result<const gpu::Kernel*> OpenClDriver::GetKernel(const gpu::KernelKey& key, uint32_t n_buffers,
                                                        uint32_t n_words) {
  sdk::Result<const OpenClKernel*> kernel = kernels_->Get(key, n_buffers, n_words);
  if (!kernel.ok()) return kernel.status();
  return static_cast<const gpu::Kernel*>(*kernel);
}

sdk::Status OpenClDriver::MemoryStats(concord_memory_stats* out) {
  memory_->Stats(out);
  out->used_bytes -= bounce_->held();  // of the driver, not of what the host has made
  out->peak_bytes -= bounce_->held();
  return sdk::Ok();
}

sdk::Status OpenClDriver::Upload(gpu::Buffer& target, const void* data, uint64_t size_bytes) {
  if (size_bytes == 0) return sdk::Ok();
  CONCORD_CL_RETURN_IF_ERROR(
      api_->clEnqueueWriteBuffer(uploads_, Of(&target).handle(), CL_TRUE, 0, size_bytes, data, 0, nullptr, nullptr));
  return sdk::Ok();
}

sdk::Status OpenClDriver::Enqueue(const gpu::Dispatch& dispatch, cl_event* last) {
  const auto& kernel = *static_cast<const OpenClKernel*>(dispatch.kernel);
  cl_uint at = 0;
  for (const gpu::BoundRange& arg : dispatch.args) {
    if (arg.offset_bytes % 16 != 0 || arg.offset_bytes / 16 > UINT32_MAX) {
      return sdk::Error(CONCORD_INVALID_ARGUMENT, "kernel ", kernel.key.name, " cannot be bound ", arg.offset_bytes,
                        " bytes into a buffer, want a multiple of 16 below 64 GiB");
    }
    const cl_mem buffer = Of(arg.buffer).handle();
    const auto units = static_cast<cl_uint>(arg.offset_bytes / 16);
    CONCORD_CL_RETURN_IF_ERROR(api_->clSetKernelArg(kernel.handle, at++, sizeof(cl_mem), &buffer));
    CONCORD_CL_RETURN_IF_ERROR(api_->clSetKernelArg(kernel.handle, at++, sizeof(units), &units));
  }
  for (const uint32_t& word : dispatch.words) {
    CONCORD_CL_RETURN_IF_ERROR(api_->clSetKernelArg(kernel.handle, at++, sizeof(word), &word));
  }
  const size_t local[] = {kernel.workgroup(), 1, 1};
  const size_t global[] = {size_t{dispatch.groups} * kernel.workgroup(), 1, dispatch.layers};
  CONCORD_CL_RETURN_IF_ERROR(
      api_->clEnqueueNDRangeKernel(queue_, kernel.handle, 3, nullptr, global, local, 0, nullptr, last));
  return sdk::Ok();
}

template <typename Load>
sdk::Status OpenClDriver::Bounce(const gpu::BoundRange& to, cl_event* last, Load load) {
  for (uint64_t at = 0; at < to.size_bytes; at += kBounceBytes) {
    const uint64_t size = std::min(kBounceBytes, to.size_bytes - at);
    const gpu::BoundRange piece{bounce_.get(), 0, size, true};
    sdk::Status status = load(piece, at);
    if (status.ok()) status = Copy(piece, Piece(to, at, size), at + size == to.size_bytes ? last : nullptr);
    if (!status.ok()) return status;
  }
  return sdk::Ok();
}

sdk::Status OpenClDriver::Copy(const gpu::BoundRange& from, const gpu::BoundRange& to, cl_event* last) {
  const OpenClBuffer &source = Of(from.buffer), &target = Of(to.buffer);
  if (source.begin() != nullptr && target.begin() != nullptr) {
    return Bounce(to, last, [&](const gpu::BoundRange& bounce, uint64_t at) {
      return Copy(Piece(from, at, bounce.size_bytes), bounce, nullptr);
    });
  }
  if (source.begin() != nullptr) {
    CONCORD_CL_RETURN_IF_ERROR(api_->clEnqueueWriteBuffer(queue_, target.handle(), CL_FALSE, to.offset_bytes,
                                                          to.size_bytes, source.begin() + from.offset_bytes, 0, nullptr,
                                                          last));
  } else if (target.begin() != nullptr) {
    CONCORD_CL_RETURN_IF_ERROR(api_->clEnqueueReadBuffer(queue_, source.handle(), CL_FALSE, from.offset_bytes,
                                                         to.size_bytes, target.begin() + to.offset_bytes, 0, nullptr,
                                                         last));
  } else {
    CONCORD_CL_RETURN_IF_ERROR(api_->clEnqueueCopyBuffer(queue_, source.handle(), target.handle(), from.offset_bytes,
                                                         to.offset_bytes, to.size_bytes, 0, nullptr, last));
  }
  return sdk::Ok();
}

sdk::Status OpenClDriver::Fill(const gpu::BoundRange& to, uint32_t pattern, cl_event* last) {
  const OpenClBuffer& target = Of(to.buffer);
  if (target.begin() != nullptr) {
    return Bounce(to, last, [&](const gpu::BoundRange& bounce, uint64_t) { return Fill(bounce, pattern, nullptr); });
  }
  CONCORD_CL_RETURN_IF_ERROR(api_->clEnqueueFillBuffer(queue_, target.handle(), &pattern, sizeof(pattern),
                                                       to.offset_bytes, to.size_bytes, 0, nullptr, last));
  return sdk::Ok();
}

template <typename Enqueues>
sdk::Status OpenClDriver::Send(uint64_t ticket, Enqueues enqueues) {
  cl_event last = nullptr;
  sdk::Status status = enqueues(&last);
  if (status.ok() && last == nullptr) {
    // Nothing was asked for: the ticket ends with what came before it.
    const cl_int result = api_->clEnqueueMarkerWithWaitList(queue_, 0, nullptr, &last);
    if (result != CL_SUCCESS) status = ClError(result, "clEnqueueMarkerWithWaitList");
  }
  if (status.ok()) {
    const cl_int result = api_->clFlush(queue_);
    if (result != CL_SUCCESS) status = ClError(result, "clFlush");
  }
  if (!status.ok()) {
    // The commands before the one that failed are in the queue, and nothing of this work may run on.
    (void)api_->clFinish(queue_);
    if (last != nullptr) (void)api_->clReleaseEvent(last);
    return status;
  }
  std::lock_guard<std::mutex> lock(events_mutex_);
  events_.emplace_back(ticket, last);
  return sdk::Ok();
}

sdk::Status OpenClDriver::LaunchDispatches(const std::vector<gpu::Dispatch>& dispatches, size_t count,
                                           uint64_t ticket) {
  return Send(ticket, [&](cl_event* last) {
    for (size_t i = 0; i < count; ++i) {
      sdk::Status status = Enqueue(dispatches[i], i + 1 == count ? last : nullptr);
      if (!status.ok()) {
        status.op_index = dispatches[i].op_index;
        return status;
      }
    }
    return sdk::Ok();
  });
}

sdk::Status OpenClDriver::LaunchCopy(const gpu::BoundRange& from, const gpu::BoundRange& to, uint64_t ticket) {
  return Send(ticket, [&](cl_event* last) { return to.size_bytes == 0 ? sdk::Ok() : Copy(from, to, last); });
}

sdk::Status OpenClDriver::LaunchFill(const gpu::BoundRange& to, uint32_t pattern, uint64_t ticket) {
  return Send(ticket, [&](cl_event* last) { return to.size_bytes == 0 ? sdk::Ok() : Fill(to, pattern, last); });
}

sdk::Status OpenClDriver::Wait(uint64_t ticket) {
  cl_event event = nullptr;
  {
    std::lock_guard<std::mutex> lock(events_mutex_);
    if (events_.empty() || events_.front().first != ticket) {
      return sdk::Error(CONCORD_INTERNAL, "ticket ", ticket, " was not launched, or was waited for before");
    }
    event = events_.front().second;
    events_.pop_front();
  }
  const cl_int result = WaitFor(*api_, event);
  return result == CL_SUCCESS ? sdk::Ok() : LostError(result);
}

}  // namespace concord::opencl
