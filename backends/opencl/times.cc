#include <utility>

#include "backends/opencl/driver.h"

namespace concord::opencl {

// Commands of an op that follow each other are one span; so are those of a copy or fill.
sdk::Status OpenClDriver::ReadSpans(const Events& events, std::vector<gpu::Span>* spans) const {
  for (const auto& [op_index, event] : events.list()) {
    gpu::Span span{op_index};
    for (const auto& [what, out] : {std::pair(CL_PROFILING_COMMAND_START, &span.begin_ticks),
                                    std::pair(CL_PROFILING_COMMAND_END, &span.end_ticks)}) {
      CONCORD_CL_RETURN_IF_ERROR(
          api_->clGetEventProfilingInfo(event, static_cast<cl_profiling_info>(what), sizeof(*out), out, nullptr));
    }
    if (!spans->empty() && spans->back().op_index == op_index) {
      spans->back().end_ticks = span.end_ticks;
    } else {
      spans->push_back(span);
    }
  }
  return sdk::Ok();
}

sdk::Status OpenClDriver::EnableTimes() {
  std::lock_guard<std::mutex> lock(events_mutex_);
  if (timed_ != nullptr) return sdk::Ok();
  cl_int result = CL_SUCCESS;
  cl_command_queue queue = api_->clCreateCommandQueue(context_, adapter_->handle, CL_QUEUE_PROFILING_ENABLE, &result);
  if (result != CL_SUCCESS) return ClError(result, "clCreateCommandQueue");
  timed_ = queue;
  return sdk::Ok();
}

// By a command that does nothing, behind what the queue still has to do.
sdk::Result<uint64_t> OpenClDriver::Now() {
  Events events(true);
  cl_int result = api_->clEnqueueMarkerWithWaitList(timed_, 0, nullptr, events.For(true));
  if (result == CL_SUCCESS) result = WaitFor(*api_, events.list().back().second);
  std::vector<gpu::Span> spans;
  sdk::Status status = result == CL_SUCCESS ? ReadSpans(events, &spans) : LostError(result);
  Release(&events);
  if (!status.ok()) return status;
  return spans[0].end_ticks;
}

}  // namespace concord::opencl
