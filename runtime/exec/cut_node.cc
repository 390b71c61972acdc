#include "runtime/exec/cut_node.h"

#include <algorithm>
#include <utility>

#include "runtime/exec/weights.h"

namespace concord::exec {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

bool IsCut(const ops::Slot& slot, const ops::TensorType& type, int64_t of) {
  return slot.weight && type.packing != nullptr && type.rank() <= 2 && type.dims[0] == ops::Dim(of);
}

CutNode Whole(const graph::Graph& graph, const Node& node) {
  CutNode whole{.attrs = node.op->Complete(node.attrs)};
  for (const ValueId id : node.inputs) {
    whole.inputs.push_back(id == kNoValue ? ops::TensorType() : graph.value(id).type);
  }
  for (const ValueId id : node.outputs) whole.outputs.push_back(graph.value(id).type);
  return whole;
}

// Fills in what the op makes of such inputs. False where it would not be rows of the whole.
bool Infer(const Node& node, CutNode* cut) {
  ops::Signature signature(*node.op);
  for (size_t i = 0; i < cut->inputs.size(); ++i) {
    if (cut->inputs[i].packing != nullptr) signature.SetIn(node.op->inputs[i].name, cut->inputs[i]);
  }
  if (!node.op->infer(cut->attrs, signature).ok()) return false;
  for (size_t o = 0; o < cut->outputs.size(); ++o) {
    cut->outputs[o] = signature.Out(node.op->outputs[o].name);
    int64_t columns = 1;
    for (int d = 1; d < cut->outputs[o].rank(); ++d) columns *= cut->outputs[o].dims[d].value;
    if (columns != cut->rows) return false;
  }
  return true;
}

}  // namespace

int64_t MatrixRows(const graph::Graph& graph, const Node& node) {
  if (node.op->name == "embed") return 0;  // looked up, not multiplied
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (!node.op->inputs[i].weight || node.inputs[i] == kNoValue) continue;
    const ops::TensorType& type = graph.value(node.inputs[i]).type;
    if (type.rank() == 2) return type.dims[0].value;
  }
  return 0;
}

CutNode Cut(const graph::Graph& graph, const Node& node, int64_t most) {
  const CutNode whole = Whole(graph, node);
  CutNode cut = whole;
  cut.of = MatrixRows(graph, node);
  cut.rows = most, cut.front = most - most / 2;  // which holds for the largest number too
  if (cut.rows >= cut.of) return whole;
  if (cut.attrs.Find("heads") != nullptr)
    cut.attrs.Set("heads", int64_t{0});  // how columns are named, not what they are
  for (size_t i = 0; i < cut.inputs.size(); ++i) {
    if (IsCut(node.op->inputs[i], cut.inputs[i], cut.of)) cut.inputs[i].dims[0] = ops::Dim(cut.rows);
  }
  return Infer(node, &cut) ? cut : whole;
}

absl::StatusOr<std::vector<std::byte>> ReadWeight(const LoadedPart& part, const loader::ModelSource& source, ValueId id,
                                                  const std::vector<RowRange>& ranges) {
  const auto weight = std::find_if(part.module.weights.begin(), part.module.weights.end(),
                                   [&](const graph::Weight& w) { return w.value == id; });
  if (weight == part.module.weights.end()) return absl::InternalError("a weight of the graph is not in its table");
  std::vector<std::byte> all;
  for (const RowRange& range : ranges) {
    CONCORD_ASSIGN_OR_RETURN(
        const std::vector<std::byte> rows,
        ReadRows(source, weight->source, part.module.main.value(id).type, range.begin, range.count));
    all.insert(all.end(), rows.begin(), rows.end());
  }
  return all;
}

std::vector<RowRange> CutNode::RangesOf(size_t slot, const ops::TensorType& whole) const {
  const int64_t all = whole.dims[0].value;
  if (inputs[slot].dims[0].value == all) return {{0, all}};
  return {{0, front}, {At(front), rows - front}};
}

absl::Status CutTrial(const loader::ModelSource& source, const CutNode& cut, Trial* trial) {
  Node& node = trial->graph.nodes[trial->nodes[0]];
  node.attrs = cut.attrs;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const ValueId id = node.inputs[i];
    if (id == kNoValue || !node.op->inputs[i].weight) continue;
    CONCORD_ASSIGN_OR_RETURN(trial->weights[id], ReadWeight(*trial->part, source, id,
                                                            cut.RangesOf(i, trial->part->module.main.value(id).type)));
    trial->graph.values[id].type = cut.inputs[i];
  }
  for (size_t o = 0; o < node.outputs.size(); ++o) trial->graph.values[node.outputs[o]].type = cut.outputs[o];
  return absl::OkStatus();
}

}  // namespace concord::exec
