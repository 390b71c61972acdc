#include "backends/gpu/device.h"

#include <utility>

#include "backends/gpu/constant.h"
#include "backends/gpu/op_rows.h"
#include "backends/gpu/prepared.h"

namespace concord::gpu {
namespace {

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

sdk::Status Driver::Launch(const sdk::Work& work, uint64_t ticket) {
  switch (work.kind) {
    case sdk::Work::Kind::kSubmit: {
      size_t count = 0;
      const std::vector<Dispatch>& dispatches = static_cast<Prepared*>(work.prepared)->Resolve(work, &count);
      return LaunchDispatches(dispatches, count, ticket);
    }
    case sdk::Work::Kind::kCopy: {
      const concord_copy_args& copy = work.copy;
      return LaunchCopy({BufferOf(copy.source), copy.source_offset_bytes, copy.size_bytes, false},
                        {BufferOf(copy.target), copy.target_offset_bytes, copy.size_bytes, true}, ticket);
    }
    case sdk::Work::Kind::kFill:
      return LaunchFill({BufferOf(work.fill.target), work.fill.offset_bytes, work.fill.size_bytes, true},
                        work.fill.pattern, ticket);
    case sdk::Work::Kind::kBarrier:
      return LaunchDispatches({}, 0, ticket);
  }
  return sdk::Error(CONCORD_INTERNAL, "unknown kind of work");
}

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

}  // namespace concord::gpu
