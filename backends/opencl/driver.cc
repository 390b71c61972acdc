#include "backends/opencl/driver.h"

#include <algorithm>
#include <cstring>

namespace concord::opencl {
namespace {

// What goes from host memory to host memory by way of the device goes in pieces of this size.
constexpr uint64_t kBounceBytes = uint64_t{256} << 10;

const OpenClBuffer& Of(const gpu::Buffer* buffer) { return *static_cast<const OpenClBuffer*>(buffer); }

gpu::BoundRange PieceOf(const gpu::BoundRange& range, uint64_t at, uint64_t size) {
  return {range.buffer, range.offset_bytes + at, size, range.write};
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
  for (cl_command_queue* queue : {&plain_, &uploads_}) {
    *queue = api_->clCreateCommandQueue(context_, adapter_->handle, 0, &result);
    if (result != CL_SUCCESS) return ClError(result, "clCreateCommandQueue");
  }
  queue_ = plain_;
  return sdk::Ok();
}

OpenClDriver::~OpenClDriver() {
  for (cl_command_queue queue : {plain_, timed_, uploads_}) {
    if (queue != nullptr) (void)api_->clFinish(queue);
  }
  for (auto& [number, events] : events_) Release(&events);
  bounce_.reset();
  kernels_.reset();
  memory_.reset();
  for (cl_command_queue queue : {plain_, timed_, uploads_}) {
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

sdk::Status OpenClDriver::Enqueue(const gpu::Dispatch& dispatch, bool last, Events* events) {
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
  CONCORD_CL_RETURN_IF_ERROR(api_->clEnqueueNDRangeKernel(queue_, kernel.handle, 3, nullptr, global, local, 0, nullptr,
                                                          events->For(last, dispatch.op_index)));
  return sdk::Ok();
}

template <typename Load>
sdk::Status OpenClDriver::Bounce(const gpu::BoundRange& to, bool last, Events* events, Load load) {
  for (uint64_t at = 0; at < to.size_bytes; at += kBounceBytes) {
    const uint64_t size = std::min(kBounceBytes, to.size_bytes - at);
    const gpu::BoundRange piece{bounce_.get(), 0, size, true};
    sdk::Status status = load(piece, at);
    if (status.ok()) status = Copy(piece, PieceOf(to, at, size), last && at + size == to.size_bytes, events);
    if (!status.ok()) return status;
  }
  return sdk::Ok();
}

sdk::Status OpenClDriver::Copy(const gpu::BoundRange& from, const gpu::BoundRange& to, bool last, Events* events) {
  const OpenClBuffer &source = Of(from.buffer), &target = Of(to.buffer);
  if (source.begin() != nullptr && target.begin() != nullptr) {
    return Bounce(to, last, events, [&](const gpu::BoundRange& bounce, uint64_t at) {
      return Copy(PieceOf(from, at, bounce.size_bytes), bounce, false, events);
    });
  }
  if (source.begin() != nullptr) {
    CONCORD_CL_RETURN_IF_ERROR(api_->clEnqueueWriteBuffer(queue_, target.handle(), CL_FALSE, to.offset_bytes,
                                                          to.size_bytes, source.begin() + from.offset_bytes, 0, nullptr,
                                                          events->For(last)));
  } else if (target.begin() != nullptr) {
    CONCORD_CL_RETURN_IF_ERROR(api_->clEnqueueReadBuffer(queue_, source.handle(), CL_FALSE, from.offset_bytes,
                                                         to.size_bytes, target.begin() + to.offset_bytes, 0, nullptr,
                                                         events->For(last)));
  } else {
    CONCORD_CL_RETURN_IF_ERROR(api_->clEnqueueCopyBuffer(queue_, source.handle(), target.handle(), from.offset_bytes,
                                                         to.offset_bytes, to.size_bytes, 0, nullptr,
                                                         events->For(last)));
  }
  return sdk::Ok();
}

sdk::Status OpenClDriver::Fill(const gpu::BoundRange& to, uint32_t pattern, bool last, Events* events) {
  const OpenClBuffer& target = Of(to.buffer);
  if (target.begin() != nullptr) {
    return Bounce(to, last, events,
                  [&](const gpu::BoundRange& bounce, uint64_t) { return Fill(bounce, pattern, false, events); });
  }
  CONCORD_CL_RETURN_IF_ERROR(api_->clEnqueueFillBuffer(queue_, target.handle(), &pattern, sizeof(pattern),
                                                       to.offset_bytes, to.size_bytes, 0, nullptr, events->For(last)));
  return sdk::Ok();
}

// What goes to the one queue comes behind all that the other has.
sdk::Status OpenClDriver::ChangeQueue(cl_command_queue to) {
  if (to == queue_) return sdk::Ok();
  cl_event before = nullptr;
  CONCORD_CL_RETURN_IF_ERROR(api_->clEnqueueMarkerWithWaitList(queue_, 0, nullptr, &before));
  cl_int result = api_->clFlush(queue_);
  if (result == CL_SUCCESS) result = api_->clEnqueueBarrierWithWaitList(to, 1, &before, nullptr);
  (void)api_->clReleaseEvent(before);
  if (result != CL_SUCCESS) return ClError(result, "clEnqueueBarrierWithWaitList");
  queue_ = to;
  return sdk::Ok();
}

template <typename Enqueues>
sdk::Status OpenClDriver::Send(const gpu::Submission& submission, Enqueues enqueues) {
  cl_command_queue queue = plain_;
  if (submission.timed) {
    std::lock_guard<std::mutex> lock(events_mutex_);
    queue = timed_;
  }
  Events events(submission.timed);
  sdk::Status status = ChangeQueue(queue);
  if (status.ok()) status = enqueues(&events);
  if (status.ok() && events.list().empty()) {
    // Nothing was asked for: the submission ends with what came before it.
    const cl_int result = api_->clEnqueueMarkerWithWaitList(queue_, 0, nullptr, events.For(true));
    if (result != CL_SUCCESS) status = ClError(result, "clEnqueueMarkerWithWaitList");
  }
  if (status.ok()) {
    const cl_int result = api_->clFlush(queue_);
    if (result != CL_SUCCESS) status = ClError(result, "clFlush");
  }
  if (!status.ok()) {
    // The commands before the one that failed are in the queue, and nothing of this work may run on.
    (void)api_->clFinish(queue_);
    Release(&events);
    return status;
  }
  std::lock_guard<std::mutex> lock(events_mutex_);
  events_.emplace_back(submission.number, std::move(events));
  return sdk::Ok();
}

sdk::Status OpenClDriver::LaunchDispatches(const gpu::Dispatch* dispatches, size_t count,
                                           const gpu::Submission& submission) {
  return Send(submission, [&](Events* events) {
    for (size_t i = 0; i < count; ++i) {
      sdk::Status status = Enqueue(dispatches[i], i + 1 == count, events);
      if (!status.ok()) {
        status.op_index = dispatches[i].op_index;
        return status;
      }
    }
    return sdk::Ok();
  });
}

sdk::Status OpenClDriver::LaunchCopy(const gpu::BoundRange& from, const gpu::BoundRange& to,
                                     const gpu::Submission& submission) {
  return Send(submission,
              [&](Events* events) { return to.size_bytes == 0 ? sdk::Ok() : Copy(from, to, true, events); });
}

sdk::Status OpenClDriver::LaunchFill(const gpu::BoundRange& to, uint32_t pattern, const gpu::Submission& submission) {
  return Send(submission,
              [&](Events* events) { return to.size_bytes == 0 ? sdk::Ok() : Fill(to, pattern, true, events); });
}

sdk::Status OpenClDriver::WaitLaunched(const gpu::Submission& submission, std::vector<gpu::Span>* spans) {
  Events events(false);
  {
    std::lock_guard<std::mutex> lock(events_mutex_);
    const auto found = std::find_if(events_.begin(), events_.end(),
                                    [&](const auto& entry) { return entry.first == submission.number; });
    if (found == events_.end()) return sdk::Error(CONCORD_INTERNAL, "a submission that was not launched");
    events = std::move(found->second);
    events_.erase(found);
  }
  const cl_int result = WaitFor(*api_, events.list().back().second);
  sdk::Status status = result == CL_SUCCESS ? sdk::Ok() : LostError(result);
  if (status.ok() && submission.timed) status = ReadSpans(events, spans);
  Release(&events);
  return status;
}

void OpenClDriver::Release(Events* events) const {
  for (auto& [op_index, event] : events->list()) {
    if (event != nullptr) (void)api_->clReleaseEvent(event);
  }
  events->list().clear();
}

}  // namespace concord::opencl
