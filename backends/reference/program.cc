#include "backends/reference/program.h"

#include "runtime/base/intern.h"
#include "runtime/base/packing/int8_rows.h"

namespace concord::reference {
namespace {

std::string ToString(const absl::Status& status) { return std::string(status.message()); }

const packing::Packing* PackingOf(const sdk::Value& value) {
  return packing::Find(std::string(value.packing()).c_str());
}

ops::TensorType TypeOf(const sdk::Graph& graph, const sdk::Value& value) {
  ops::TensorType type;
  type.packing = PackingOf(value);
  type.layout = std::string(sdk::FromC(value.desc.layout));
  for (uint32_t d = 0; d < value.rank(); ++d) {
    ops::Dim dim(value.desc.dims[d].value);
    const uint32_t symbol = value.desc.dims[d].symbol;
    if (symbol != CONCORD_NONE) {
      const std::string_view name = sdk::FromC(graph.symbol(symbol).name);
      dim.symbol = Intern(absl::string_view(name.data(), name.size()));
    }
    type.dims.push_back(dim);
  }
  return type;
}

// One op, looked up and its attributes read once.
struct Step {
  const ops::OpDef* def;
  ops::Attrs attrs;
  std::string arithmetic;
  std::vector<uint32_t> inputs, outputs;  // value indices by slot
};

class ReferencePrepared final : public sdk::HostPrepared {
 public:
  ReferencePrepared(std::shared_ptr<const sdk::GraphCopy> graph, sdk::HostBindings bindings,
                    std::shared_ptr<OpObserver> observer, sdk::HostDevice* traced)
      : graph_(std::move(graph)), bindings_(std::move(bindings)), observer_(std::move(observer)), traced_(traced) {
    const sdk::Graph& g = graph_->graph();
    for (uint32_t i = 0; i < g.n_ops(); ++i) {
      const sdk::Op op = g.op(i);
      const std::string_view name = op.name();
      Step step{ops::FindOp(absl::string_view(name.data(), name.size())), {}, std::string(op.arithmetic()), {}, {}};
      step.attrs = AttrsOf(*step.def, op.attrs());
      for (uint32_t s = 0; s < op.n_inputs(); ++s) step.inputs.push_back(op.input_index(s));
      for (uint32_t s = 0; s < op.n_outputs(); ++s) step.outputs.push_back(op.output_index(s));
      steps_.push_back(std::move(step));
    }
  }

  sdk::Status Check(const sdk::Work& work) override { return bindings_.Check(work, bindings_.planned_bytes()); }

  sdk::Status Execute(const sdk::Work& work) override {
    bindings_.Begin(work);
    const bool traced = traced_ != nullptr && traced_->trace_enabled();
    for (uint32_t i = 0; i < steps_.size(); ++i) {
      const uint64_t begin = traced ? traced_->TraceTicks() : 0;
      Run(steps_[i]);
      if (!traced) continue;
      const concord_trace_event event = sdk::OpEvent(this, i, begin, traced_->TraceTicks());
      traced_->AddTraceEvents(&event, 1);
    }
    return sdk::Ok();
  }

 private:
  void Run(const Step& step) {
    ops::RefArgs args(*step.def, step.arithmetic);
    for (size_t s = 0; s < step.inputs.size(); ++s) Set(step.def->inputs[s].name, step.inputs[s], &args);
    std::vector<std::vector<std::byte>> unread;  // outputs that nobody reads have no place of their own
    for (size_t s = 0; s < step.outputs.size(); ++s) {
      const uint32_t v = step.outputs[s];
      if (v == CONCORD_NONE) continue;
      if (bindings_.data(v) == nullptr) {
        const ops::TensorView sized = View(v, nullptr);
        unread.emplace_back(sized.size_bytes());
        args.Set(step.def->outputs[s].name, View(v, unread.back().data()));
      } else {
        Set(step.def->outputs[s].name, v, &args);
      }
    }
    if (observer_ != nullptr) observer_->Before(args);
    step.def->reference(step.attrs, args);
    if (observer_ != nullptr) observer_->After(args);
  }

  ops::TensorView View(uint32_t value, void* data) const {
    const sdk::Value v = graph_->graph().value(value);
    std::vector<int64_t> dims;
    for (uint32_t d = 0; d < v.rank(); ++d) dims.push_back(bindings_.extent(v.desc.dims[d]));
    return ops::TensorView(PackingOf(v), std::move(dims), data);
  }

  void Set(const std::string& slot, uint32_t value, ops::RefArgs* args) const {
    if (value != CONCORD_NONE) args->Set(slot, View(value, bindings_.data(value)));
  }

  std::shared_ptr<const sdk::GraphCopy> graph_;
  sdk::HostBindings bindings_;
  std::shared_ptr<OpObserver> observer_;  // may be null
  std::vector<Step> steps_;
  sdk::HostDevice* traced_;
};

}  // namespace

ops::Attrs AttrsOf(const ops::OpDef& def, const sdk::Attrs& given) {
  ops::Attrs attrs;
  for (const auto& [key, fallback] : def.defaults.values()) {
    if (std::holds_alternative<std::string>(fallback)) {
      attrs.Set(key, std::string(given.String(key, std::get<std::string>(fallback))));
    } else if (std::holds_alternative<double>(fallback)) {
      attrs.Set(key, given.Float(key, std::get<double>(fallback)));
    } else {
      attrs.Set(key, given.Int(key, std::get<int64_t>(fallback)));
    }
  }
  return attrs;
}

sdk::Support QueryOp(const sdk::Op& op) {
  const std::string_view name = op.name();
  const ops::OpDef* def = ops::FindOp(absl::string_view(name.data(), name.size()));
  if (def == nullptr) return sdk::No("there is no op ", name);
  if (op.version() != static_cast<uint32_t>(def->version)) {
    return sdk::No("version ", op.version(), " of ", name, " is asked for, known is ", def->version);
  }
  // What "f16" and "bf16" round is left to their tolerances.
  if (op.arithmetic() != "f32" && op.arithmetic() != "f16" && op.arithmetic() != "bf16" &&
      packing::Int8GroupOf(op.arithmetic()) == 0) {
    return sdk::No("unknown arithmetic ", op.arithmetic());
  }
  const std::string_view unknown =
      op.attrs().FirstUnknown([def](std::string_view key) { return def->defaults.Find(std::string(key)) != nullptr; });
  if (!unknown.empty()) return sdk::No(name, " has no attribute ", unknown);
  ops::Signature signature(*def);
  for (uint32_t s = 0; s < op.n_inputs() && s < def->inputs.size(); ++s) {
    if (!op.has_input(s)) {
      if (!def->inputs[s].optional) return sdk::No(name, ": input ", def->inputs[s].name, " is missing");
      continue;
    }
    const sdk::Value value = op.input(s);
    if (PackingOf(value) == nullptr) return sdk::No(name, ": unknown packing ", value.packing());
    signature.SetIn(def->inputs[s].name, TypeOf(op.graph(), value));
  }
  const absl::Status status = def->infer(AttrsOf(*def, op.attrs()), signature);
  return status.ok() ? sdk::Supported(CONCORD_SUPPORT_SLOW) : sdk::No(ToString(status));
}

sdk::Result<std::unique_ptr<sdk::Prepared>> ReferenceProgram::Prepare(const concord_prepare_args& args,
                                                                      concord_prepare_result* result) {
  sdk::Result<sdk::HostBindings> bindings = sdk::HostBindings::Make(graph_->graph(), args);
  if (!bindings.ok()) return bindings.status();
  result->workspace_bytes = args.planned_bytes;
  result->workspace_align_bytes = 64;
  return std::unique_ptr<sdk::Prepared>(
      std::make_unique<ReferencePrepared>(graph_, std::move(*bindings), observer_, traced_));
}

}  // namespace concord::reference
