#include "backends/gpu/device.h"

#include <utility>

#include "backends/gpu/constant.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/prepared.h"

namespace concord::gpu {
namespace {

// Of both clocks, the closest of which counts: the first may have to wake something up.
constexpr int kReadings = 4;

class Program final : public sdk::Program {
 public:
  Program(Driver* driver, const concord_program_desc& desc)
      : driver_(driver), graph_(std::make_shared<const sdk::GraphCopy>(desc)) {}

  sdk::Result<std::unique_ptr<sdk::Prepared>> Prepare(const concord_prepare_args& args,
                                                      concord_prepare_result* result) override {
    return Prepared::Make(driver_, graph_, args, result);
  }

 private:
  Driver* driver_;
  std::shared_ptr<const sdk::GraphCopy> graph_;
};

}  // namespace

sdk::Result<std::unique_ptr<sdk::Buffer>> Device::CreateBuffer(const concord_buffer_desc& desc) {
  sdk::Result<std::unique_ptr<Buffer>> made = driver_->NewBuffer(desc.usage, desc.size_bytes, desc.align_bytes);
  if (!made.ok()) return made.status();
  return std::unique_ptr<sdk::Buffer>(std::move(*made));
}

sdk::Result<std::unique_ptr<sdk::Semaphore>> Device::CreateSemaphore(uint64_t initial_value) {
  return std::unique_ptr<sdk::Semaphore>(std::make_unique<sdk::AsyncSemaphore>(scheduler_, initial_value));
}

sdk::Result<std::unique_ptr<sdk::Constant>> Device::CreateConstant(const concord_constant_desc& desc) {
  return Constant::Make(*driver_, *host_, desc);
}

sdk::Support Device::QueryOp(const sdk::Op& op) {
  sdk::Support support = Ops().Query(op);
  if (support.ok() && op.arithmetic() == "f16" && !driver_->limits().has_fp16) {
    support = {CONCORD_SUPPORT_SLOW, "this device computes with halves as floats"};
  }
  return support;
}

sdk::Result<std::unique_ptr<sdk::Program>> Device::Compile(const concord_program_desc& desc) {
  return std::unique_ptr<sdk::Program>(std::make_unique<Program>(driver_.get(), desc));
}

sdk::Status Device::SetTraceEnabled(bool enabled) {
  sdk::Status status = enabled ? driver_->EnableTimes() : sdk::Ok();
  return status.ok() ? sdk::TraceSource::SetTraceEnabled(enabled) : status;
}

sdk::Status Device::CalibrateTrace(concord_trace_clock* out) {
  sdk::Status status = driver_->EnableTimes();
  if (!status.ok()) return status;
  out->ns_per_tick = driver_->ns_per_tick();
  out->uncertainty_ns = UINT64_MAX;
  for (int i = 0; i < kReadings; ++i) {
    const uint64_t before_ns = host_->NowNs();
    sdk::Result<uint64_t> now = driver_->Now();
    const uint64_t took_ns = host_->NowNs() - before_ns, uncertainty_ns = (took_ns + 1) / 2;
    if (!now.ok()) return now.status();
    if (uncertainty_ns >= out->uncertainty_ns) continue;
    out->device_ticks = *now;
    out->host_ns = before_ns + took_ns / 2;
    out->uncertainty_ns = uncertainty_ns;
  }
  return sdk::Ok();
}

}  // namespace concord::gpu
