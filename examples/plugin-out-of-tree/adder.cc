// A plugin with one op, built against nothing but installed headers: a device that can add, in f32, on one host thread.
#include "concord/ops.h"
#include "concord/sdk/bindings.h"
#include "concord/sdk/sdk.h"

namespace adder {
namespace sdk = concord::sdk;

// y = a + b; b is like a, or one row that is added to every row of a.
struct Add {
  uint32_t a, b, y;  // values of the graph

  void Run(const sdk::HostBindings& at) const {
    const sdk::Value shape = at.graph().value(a);
    int64_t n_rows = 1;
    for (uint32_t d = 0; d + 1 < shape.rank(); ++d) n_rows *= at.extent(shape.dim(static_cast<int>(d)));
    const int64_t n_cols = at.extent(shape.dim(-1));
    const bool one_row = at.graph().value(b).rank() == 1;
    const auto* left = reinterpret_cast<const float*>(at.data(a));
    const auto* right = reinterpret_cast<const float*>(at.data(b));
    auto* out = reinterpret_cast<float*>(at.data(y));
    for (int64_t i = 0; i < n_rows * n_cols; ++i) out[i] = left[i] + right[one_row ? i % n_cols : i];
  }
};

// The whole truth about what this device can do: asked by the host before it compiles.
sdk::Support Query(const sdk::Op& op) {
  if (op.name() != CONCORD_OP_ADD) return sdk::No("this device only adds; there is no ", op.name());
  if (op.version() != CONCORD_OP_ADD_VERSION) return sdk::No("version ", op.version(), " of add is unknown here");
  if (!op.attrs().Unknown({}).empty()) return sdk::No("unknown attribute ", op.attrs().Unknown({}));
  for (const sdk::Value& v : {op.input(CONCORD_ADD_IN_A), op.input(CONCORD_ADD_IN_B), op.output(CONCORD_ADD_OUT_Y)}) {
    if (v.packing() != "f32") return sdk::No("this device adds f32, not ", v.packing());
  }
  return sdk::Supported(CONCORD_SUPPORT_OK);
}

class Prepared final : public sdk::HostPrepared {
 public:
  Prepared(std::shared_ptr<const sdk::GraphCopy> graph, sdk::HostBindings bindings)
      : graph_(std::move(graph)), bindings_(std::move(bindings)) {
    for (uint32_t i = 0; i < graph_->graph().n_ops(); ++i) {
      const sdk::Op op = graph_->graph().op(i);
      adds_.push_back(
          {op.input_index(CONCORD_ADD_IN_A), op.input_index(CONCORD_ADD_IN_B), op.output_index(CONCORD_ADD_OUT_Y)});
    }
  }

  sdk::Status Check(const sdk::Work& work) override { return bindings_.Check(work, bindings_.planned_bytes()); }
  sdk::Status Execute(const sdk::Work& work) override {
    bindings_.Begin(work);
    for (const Add& add : adds_) add.Run(bindings_);
    return sdk::Ok();
  }

 private:
  std::shared_ptr<const sdk::GraphCopy> graph_;  // what the bindings point into
  sdk::HostBindings bindings_;
  std::vector<Add> adds_;
};

class Program final : public sdk::Program {
 public:
  explicit Program(const concord_program_desc& desc) : graph_(std::make_shared<sdk::GraphCopy>(desc)) {}

  sdk::Result<std::unique_ptr<sdk::Prepared>> Prepare(const concord_prepare_args& args,
                                                      concord_prepare_result* result) override {
    sdk::Result<sdk::HostBindings> bindings = sdk::HostBindings::Make(graph_->graph(), args);
    if (!bindings.ok()) return bindings.status();
    result->workspace_bytes = args.planned_bytes;
    result->workspace_align_bytes = 64;
    return std::unique_ptr<sdk::Prepared>(std::make_unique<Prepared>(graph_, std::move(*bindings)));
  }

 private:
  std::shared_ptr<const sdk::GraphCopy> graph_;
};

class Device final : public sdk::HostDevice {
 public:
  using sdk::HostDevice::HostDevice;

  static void Describe(concord_device_info* out) {
    out->name = sdk::ToC("adding machine");
    out->constant_align_bytes = alignof(float);
  }
  sdk::Support QueryOp(const sdk::Op& op) override { return Query(op); }
  sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc& desc) override {
    return std::unique_ptr<sdk::Program>(std::make_unique<Program>(desc));
  }
};

}  // namespace adder

CONCORD_PLUGIN(adder, "Concord examples", concord::sdk::HostInstance<adder::Device>)
