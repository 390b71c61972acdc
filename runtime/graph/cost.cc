#include "runtime/graph/cost.h"

#include <algorithm>

namespace concord::graph {
namespace {

struct Sizes {
  std::vector<std::vector<int64_t>> dims;  // by value
  std::vector<double> bytes;
};

absl::StatusOr<Sizes> ResolveAll(const Graph& graph, const SymbolValues& symbols) {
  Sizes sizes;
  for (const Value& value : graph.values) {
    CONCORD_ASSIGN_OR_RETURN(std::vector<int64_t> dims, ResolveDims(value.type, symbols));
    CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, ResolveBytes(value.type, symbols));
    sizes.dims.push_back(std::move(dims));
    sizes.bytes.push_back(static_cast<double>(bytes));
  }
  return sizes;
}

double Elems(const std::vector<int64_t>& dims) {
  double elems = 1;
  for (int64_t dim : dims) elems *= static_cast<double>(dim);
  return elems;
}

ValueId InSlot(const Node& node, absl::string_view slot) {
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (slot == node.op->inputs[i].name) return node.inputs[i];
  }
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (slot == node.op->outputs[i].name) return node.outputs[i];
  }
  return kNoValue;  // absent, or a variable inside a fused op
}

// A table is read where the ids point: one row for each row of the output.
double WeightBytes(const Node& node, ValueId weight, const Sizes& sizes) {
  const std::vector<int64_t>& dims = sizes.dims[weight];
  if (node.op->name != "embed" || dims[0] == 0) return sizes.bytes[weight];
  const double rows = static_cast<double>(std::min(dims[0], sizes.dims[node.outputs[0]][0]));
  return sizes.bytes[weight] / static_cast<double>(dims[0]) * rows;
}

// The first state that a node touches. Ops count the elements of states (ops::Cost), for they see no types.
ValueId StateOf(const Graph& graph, const Node& node) {
  for (ValueId id : node.inputs) {
    if (id != kNoValue && graph.values[id].role == Role::kState) return id;
  }
  return kNoValue;
}

double StateElemBytes(const Graph& graph, ValueId state) {
  if (state == kNoValue) return 0;
  const packing::Packing& packing = *graph.values[state].type.packing;
  return static_cast<double>(packing.block_bytes) / packing.block_elems;
}

NodeCost CostOf(const Graph& graph, const Node& node, const Sizes& sizes, int64_t kv_len) {
  const auto dim = [&](absl::string_view slot, int i) -> int64_t {
    const ValueId id = InSlot(node, slot);
    if (id == kNoValue) return 1;
    const std::vector<int64_t>& dims = sizes.dims[id];
    const int at = i < 0 ? i + static_cast<int>(dims.size()) : i;
    return at >= 0 && at < static_cast<int>(dims.size()) ? dims[at] : 1;
  };
  const ops::Cost op = node.op->cost(node.op->Complete(node.attrs), {dim, kv_len});
  const ValueId state_read = StateOf(graph, node);
  const double state_elem = StateElemBytes(graph, state_read);
  NodeCost cost{.flops = op.flops, .state_bytes = op.state_bytes * state_elem, .pairs = op.pairs};
  if (state_read != kNoValue && !sizes.dims[state_read].empty()) {
    cost.state_rows = op.state_bytes / static_cast<double>(std::max<int64_t>(1, sizes.dims[state_read].back()));
  }
  bool writes_state = false;
  for (ValueId id : node.outputs) {
    const bool state = graph.values[id].role == Role::kState;
    writes_state = writes_state || state;
    if (!state) cost.activation_bytes += sizes.bytes[id];
  }
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId id = node.inputs[i];
    if (id == kNoValue || graph.values[id].role == Role::kState) continue;
    if (graph.values[id].role == Role::kWeight) {
      cost.weight_bytes += op.weight_share * WeightBytes(node, id, sizes);
      continue;
    }
    cost.activation_bytes += sizes.bytes[id];
    // What is appended to a state is written there once more, in its type.
    const bool floating = absl::string_view(graph.values[id].type.packing->name) != "i32";
    if (writes_state && op.state_bytes == 0 && floating) cost.state_bytes += Elems(sizes.dims[id]) * state_elem;
  }
  return cost;
}

}  // namespace

NodeCost& NodeCost::operator+=(const NodeCost& o) {
  flops += o.flops;
  weight_bytes += o.weight_bytes;
  state_bytes += o.state_bytes;
  activation_bytes += o.activation_bytes;
  state_rows += o.state_rows;
  pairs += o.pairs;
  return *this;
}

absl::StatusOr<GraphCost> ComputeCost(const Graph& graph, const SymbolValues& symbols, int64_t kv_len) {
  CONCORD_ASSIGN_OR_RETURN(const Sizes sizes, ResolveAll(graph, symbols));
  GraphCost cost;
  if (const auto tokens = symbols.find(ops::kNTokens); tokens != symbols.end()) cost.tokens = tokens->second;
  for (const Node& node : graph.nodes) cost.total += cost.nodes.emplace_back(CostOf(graph, node, sizes, kv_len));
  return cost;
}

}  // namespace concord::graph
