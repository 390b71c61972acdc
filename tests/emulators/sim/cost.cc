#include "tests/emulators/sim/cost.h"

#include <algorithm>

#include "backends/reference/program.h"

namespace concord::sim {
namespace {

using Extent = std::function<int64_t(const concord_dim&)>;

double Elems(const sdk::Value& value, const Extent& extent) {
  double elems = 1;
  for (uint32_t d = 0; d < value.rank(); ++d) elems *= static_cast<double>(extent(value.desc.dims[d]));
  return elems;
}

double Bytes(const sdk::Value& value, const Extent& extent) {
  return Elems(value, extent) / value.desc.type.block_elems * value.desc.type.block_bytes;
}

// Of one element of the first state that the op touches.
double StateElemBytes(const sdk::Op& op) {
  for (uint32_t i = 0; i < op.n_inputs(); ++i) {
    if (!op.has_input(i) || op.input(i).desc.role != CONCORD_ROLE_STATE) continue;
    const concord_type& type = op.input(i).desc.type;
    return static_cast<double>(type.block_bytes) / type.block_elems;
  }
  return 0;
}

// The value in a slot of the op's definition; index CONCORD_NONE where there is none.
sdk::Value InSlot(const ops::OpDef& def, const sdk::Op& op, absl::string_view slot) {
  for (size_t i = 0; i < def.inputs.size(); ++i) {
    if (slot == def.inputs[i].name) return op.input(static_cast<uint32_t>(i));
  }
  for (size_t i = 0; i < def.outputs.size(); ++i) {
    if (slot == def.outputs[i].name) return op.output(static_cast<uint32_t>(i));
  }
  return {};
}

// Of a table that is looked up, one row for each row of the output.
double WeightBytes(const sdk::Op& op, const sdk::Value& weight, const Extent& extent) {
  const double bytes = Bytes(weight, extent);
  const int64_t rows = extent(weight.desc.dims[0]);
  if (op.name() != "embed" || rows == 0) return bytes;
  return bytes / static_cast<double>(rows) * static_cast<double>(std::min(rows, extent(op.output(0).desc.dims[0])));
}

// The definition's cost, averaged over sequences; state in elements.
ops::Cost Mean(const ops::OpDef& def, const ops::Attrs& attrs, const ops::CostArgs& args,
               const std::vector<Sequence>& sequences) {
  if (sequences.empty()) return def.cost(attrs, args);
  ops::Cost sum;
  double n_new = 0;
  for (const Sequence& s : sequences) {
    const ops::Cost cost = def.cost(attrs, {args.dim, s.kv_len});
    sum.flops += static_cast<double>(s.n_new) * cost.flops;
    sum.state_bytes += cost.state_bytes;
    n_new += static_cast<double>(s.n_new);
  }
  return {n_new == 0 ? 0 : sum.flops / n_new, sum.state_bytes / static_cast<double>(sequences.size()),
          def.cost(attrs, args).weight_share};
}

}  // namespace

OpCost CostOf(const sdk::Op& op, const Extent& extent, const std::vector<Sequence>& sequences) {
  const std::string_view name = op.name();
  const ops::OpDef& def = *ops::FindOp(absl::string_view(name.data(), name.size()));
  const auto dim = [&](absl::string_view slot, int i) -> int64_t {
    const sdk::Value value = InSlot(def, op, slot);
    const int at = i < 0 ? i + static_cast<int>(value.rank()) : i;
    return value.index != CONCORD_NONE && at >= 0 && at < static_cast<int>(value.rank()) ? extent(value.desc.dims[at])
                                                                                         : 1;
  };
  const ops::Cost work = Mean(def, reference::AttrsOf(def, op.attrs()), {dim, 0}, sequences);
  OpCost cost{.flops = work.flops};
  const double state_elem = StateElemBytes(op);
  bool writes_state = false;
  for (uint32_t i = 0; i < op.n_outputs(); ++i) {
    const sdk::Value value = op.output(i);
    if (value.index == CONCORD_NONE) continue;
    const bool state = value.desc.role == CONCORD_ROLE_STATE;
    writes_state = writes_state || state;
    if (!state) cost.activation_bytes += Bytes(value, extent);
  }
  cost.state_bytes = work.state_bytes * state_elem;
  for (uint32_t i = 0; i < op.n_inputs(); ++i) {
    const sdk::Value value = op.input(i);
    if (value.index == CONCORD_NONE || value.desc.role == CONCORD_ROLE_STATE) continue;
    if (value.desc.role == CONCORD_ROLE_CONSTANT) {
      cost.weight_bytes += work.weight_share * WeightBytes(op, value, extent);
      continue;
    }
    cost.activation_bytes += Bytes(value, extent);
    // What is appended to a state is written there once more, in its type.
    if (writes_state && work.state_bytes == 0 && value.packing() != "i32") {
      cost.state_bytes += Elems(value, extent) * state_elem;
    }
  }
  return cost;
}

}  // namespace concord::sim
