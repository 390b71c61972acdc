#include <algorithm>
#include <map>

#include "ops/core/op.h"

// A fused op means its parts, one after the other: shape rule, reference and cost are composed here once, so that a
// fused op states nothing but its pattern and cases.
namespace concord::ops {
namespace {

// The attributes of one part: those of the fused op that the part names.
Attrs PartAttrs(const FusionPart& part, const Attrs& fused) {
  Attrs attrs;
  for (const std::string& key : part.attrs) {
    if (const AttrValue* value = fused.Find(key)) attrs.Set(key, *value);
  }
  return attrs;
}

const OpDef& PartOp(const FusionPart& part) {
  // Parts are looked up on use: while the list of ops is still being built FindOp must not run.
  return *FindOp(part.op);
}

// Runs the shape rules of all parts; `vars` holds the types of the variables seen so far.
absl::Status InferParts(const std::vector<FusionPart>& parts, const Attrs& fused,
                        std::map<std::string, TensorType>* vars) {
  for (const FusionPart& part : parts) {
    Signature s(PartOp(part));
    for (const auto& [slot, var] : part.inputs) {
      auto it = vars->find(var);
      if (it != vars->end()) s.SetIn(slot, it->second);  // an absent optional input stays absent
    }
    CONCORD_RETURN_IF_ERROR(PartOp(part).infer(PartAttrs(part, fused), s));
    for (const auto& [slot, var] : part.outputs) (*vars)[var] = s.Out(slot);
  }
  return absl::OkStatus();
}

absl::Status InferFused(const OpDef& def, const std::vector<FusionPart>& parts, const Attrs& attrs, Signature& s) {
  std::map<std::string, TensorType> vars;
  for (const Slot& slot : def.inputs) {
    if (s.Has(slot.name)) vars[slot.name] = s.In(slot.name);
  }
  CONCORD_RETURN_IF_ERROR(InferParts(parts, attrs, &vars));
  for (const Slot& slot : def.outputs) s.SetOut(slot.name, vars[slot.name]);
  return absl::OkStatus();
}

TensorType ConstantType(const TensorView& view) {
  TensorType type;
  type.packing = view.packing();
  for (int64_t d : view.dims()) type.dims.emplace_back(d);
  return type;
}

void ReferenceFused(const std::vector<FusionPart>& parts, const Attrs& attrs, const RefArgs& args) {
  std::map<std::string, TensorType> types;
  std::map<std::string, TensorView> views;
  std::vector<std::vector<std::byte>> temporaries;
  for (const FusionPart& part : parts) {
    const OpDef& op = PartOp(part);
    RefArgs part_args(op, args.arithmetic());
    Signature s(op);
    for (const auto& [slot, var] : part.inputs) {
      if (args.has(var)) views[var] = args[var];
      auto it = views.find(var);
      if (it == views.end()) continue;
      s.SetIn(slot, ConstantType(it->second));
      part_args.Set(slot, it->second);
    }
    const Attrs part_attrs = op.Complete(PartAttrs(part, attrs));
    if (!op.infer(part_attrs, s).ok()) return;  // cannot happen: the whole was inferred before
    for (const auto& [slot, var] : part.outputs) {
      if (args.has(var)) {
        views[var] = args[var];
      } else {
        const TensorType& type = s.Out(slot);
        std::vector<int64_t> dims;
        for (const Dim& d : type.dims) dims.push_back(d.value);
        TensorView sized(type.packing, dims, nullptr);
        temporaries.emplace_back(sized.size_bytes());
        views[var] = TensorView(type.packing, dims, temporaries.back().data());
      }
      part_args.Set(slot, views[var]);
    }
    op.reference(part_attrs, part_args);
  }
}

bool HasWeights(const OpDef& op) {
  return std::any_of(op.inputs.begin(), op.inputs.end(), [](const Slot& slot) { return slot.weight; });
}

Cost CostFused(const std::vector<FusionPart>& parts, const Attrs& attrs, const CostArgs& args) {
  Cost sum{.weight_share = 0};
  for (const FusionPart& part : parts) {
    CostArgs part_args = args;
    part_args.dim = [&](absl::string_view slot, int i) -> int64_t {
      for (const auto& [name, var] : part.inputs) {
        if (slot == name) return args.dim(var, i);
      }
      return args.dim(slot, i);
    };
    const Cost cost = PartOp(part).cost(PartAttrs(part, attrs), part_args);
    sum.flops += cost.flops;
    sum.state_bytes += cost.state_bytes;
    // Parts with weights agree on it in all of the catalogue; those without have 1 and say nothing.
    if (HasWeights(PartOp(part))) sum.weight_share = std::max(sum.weight_share, cost.weight_share);
  }
  return sum;
}

}  // namespace

void ComposeFromParts(OpDef* def) {
  const std::vector<FusionPart> parts = def->parts;
  def->infer = [parts](const Attrs& attrs, Signature& s) { return InferFused(s.op(), parts, attrs, s); };
  def->reference = [parts](const Attrs& attrs, const RefArgs& args) { ReferenceFused(parts, attrs, args); };
  def->cost = [parts](const Attrs& attrs, const CostArgs& args) { return CostFused(parts, attrs, args); };
}

}  // namespace concord::ops
