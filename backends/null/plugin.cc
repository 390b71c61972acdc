// The null plugin: a whole plugin that has memory, semaphores and a queue, and no op. Copy it to begin a new one.
#include <vector>

#include "backends/null/row.h"

namespace concord::null {
namespace {

// 1. The ops, a line each: see README.md.
const NullTable& Table() {
  static const std::vector<const NullRow*> rows = {};
  static const NullTable table(rows.data(), rows.size());
  return table;
}

class NullPrepared final : public sdk::HostPrepared {
 public:
  NullPrepared(std::shared_ptr<const sdk::GraphCopy> graph, std::vector<NullStep> steps, sdk::HostBindings bindings)
      : graph_(std::move(graph)), steps_(std::move(steps)), bindings_(std::move(bindings)) {}

  sdk::Status Check(const sdk::Work& work) override { return bindings_.Check(work, bindings_.planned_bytes()); }
  sdk::Status Execute(const sdk::Work& work) override {
    bindings_.Begin(work);
    for (const NullStep& step : steps_) step(bindings_);
    return sdk::Ok();
  }

 private:
  std::shared_ptr<const sdk::GraphCopy> graph_;  // what the bindings point into
  std::vector<NullStep> steps_;
  sdk::HostBindings bindings_;
};

class NullProgram final : public sdk::Program {
 public:
  static sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc& desc) {
    auto made = std::make_unique<NullProgram>();
    made->graph_ = std::make_shared<sdk::GraphCopy>(desc);
    NullContext context;
    for (uint32_t i = 0; i < made->graph_->graph().n_ops(); ++i) {
      sdk::Result<NullStep> step = Table().Compile(made->graph_->graph().op(i), context);
      if (!step.ok()) return step.status();
      made->steps_.push_back(std::move(*step));
    }
    return std::unique_ptr<sdk::Program>(std::move(made));
  }

  sdk::Result<std::unique_ptr<sdk::Prepared>> Prepare(const concord_prepare_args& args,
                                                      concord_prepare_result* result) override {
    sdk::Result<sdk::HostBindings> bindings = sdk::HostBindings::Make(graph_->graph(), args);
    if (!bindings.ok()) return bindings.status();
    result->workspace_bytes = args.planned_bytes;  // and what the ops want beside it: bindings.scratch()
    result->workspace_align_bytes = 64;
    return std::unique_ptr<sdk::Prepared>(std::make_unique<NullPrepared>(graph_, steps_, std::move(*bindings)));
  }

 private:
  std::shared_ptr<const sdk::GraphCopy> graph_;
  std::vector<NullStep> steps_;
};

// 2. The device. HostDevice computes on host threads over host memory; a chip with memory and queues of its own derives
// from sdk::Device and implements those calls too.
class NullDevice final : public sdk::HostDevice {
 public:
  using sdk::HostDevice::HostDevice;

  static void Describe(concord_device_info* out) { out->name = sdk::ToC("null device"); }

  sdk::Support QueryOp(const sdk::Op& op) override { return Table().Query(op); }
  sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc& desc) override {
    return NullProgram::Compile(desc);
  }
};

}  // namespace
}  // namespace concord::null

// 3. The instance: finds devices and opens them. HostInstance has one device, on the host; a chip derives from
// sdk::Instance, opens its driver in Create, and returns UNAVAILABLE with what is missing and how to get it.
using NullInstance = concord::sdk::HostInstance<concord::null::NullDevice>;
CONCORD_PLUGIN(null, "Concord", NullInstance)
