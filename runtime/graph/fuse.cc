#include "runtime/graph/fuse.h"

#include <algorithm>

#include "runtime/graph/pattern_match.h"
#include "runtime/graph/prune.h"

namespace concord::graph {
namespace {

ValueId Root(const Graph& graph, ValueId id) {
  const ValueId root = graph.values[id].alias_of;
  return root == kNoValue ? id : root;
}

// The nodes between the first and the last of a match, in the order in which they may stand around the fused one.
struct Rewrite {
  std::vector<int32_t> before, after;
  bool possible = true;
};

// What depends on the match goes behind it, the rest before it; if the match depends on what depends on it, there is no
// such order. Touching a state after the match has touched it counts as depending.
Rewrite PlanRewrite(const Graph& graph, const Match& match) {
  Rewrite rewrite;
  enum Mark : uint8_t { kFree, kByMatch, kByDependent };
  std::vector<Mark> marks(graph.values.size(), kFree);  // of values made, and states touched
  const auto any = [&](const Node& node, const auto& wanted) {
    return std::any_of(node.inputs.begin(), node.inputs.end(),
                       [&](ValueId id) { return id != kNoValue && wanted(marks[Root(graph, id)]); });
  };
  const auto mark = [&](const Node& node, Mark by) {
    for (ValueId id : node.outputs) marks[Root(graph, id)] = by;
    for (ValueId id : node.inputs) {
      if (id != kNoValue && graph.values[id].role == Role::kState) marks[Root(graph, id)] = by;
    }
  };
  for (int32_t n = match.nodes.front(); n <= match.nodes.back(); ++n) {
    const Node& node = graph.nodes[n];
    if (node.op == nullptr) continue;
    if (std::binary_search(match.nodes.begin(), match.nodes.end(), n)) {
      rewrite.possible = rewrite.possible && !any(node, [](Mark m) { return m == kByDependent; });
      mark(node, kByMatch);
    } else if (any(node, [](Mark m) { return m != kFree; })) {
      rewrite.after.push_back(n);
      mark(node, kByDependent);
    } else {
      rewrite.before.push_back(n);
    }
  }
  return rewrite;
}

// Puts the fused node in the place of the matched ones; positions that fall free keep no op.
void Apply(const Match& match, const Rewrite& rewrite, Graph* graph, NodeIndex* index) {
  const int32_t first = match.nodes.front(), last = match.nodes.back();
  for (int32_t n = first; n <= last; ++n) index->Remove(n);
  std::vector<Node> nodes;
  for (int32_t n : rewrite.before) nodes.push_back(std::move(graph->nodes[n]));
  nodes.push_back(match.fused);
  for (int32_t n : rewrite.after) nodes.push_back(std::move(graph->nodes[n]));
  nodes.resize(static_cast<size_t>(last) - static_cast<size_t>(first) + 1);
  std::move(nodes.begin(), nodes.end(), graph->nodes.begin() + first);
  for (int32_t n = first; n <= last; ++n) index->Add(n);
}

void DropEmpty(Graph* graph) {
  auto& nodes = graph->nodes;
  nodes.erase(std::remove_if(nodes.begin(), nodes.end(), [](const Node& n) { return n.op == nullptr; }), nodes.end());
}

std::vector<const ops::OpDef*> FusedOps() {
  std::vector<const ops::OpDef*> fused;
  for (const ops::OpDef& op : ops::AllOps()) {
    if (!op.parts.empty()) fused.push_back(&op);
  }
  std::stable_sort(fused.begin(), fused.end(),
                   [](const auto* a, const auto* b) { return a->parts.size() > b->parts.size(); });
  return fused;
}

// The nodes of a fused one's parts; values inside it are added to the graph.
absl::StatusOr<std::vector<Node>> PartNodes(const Node& fused, Graph* graph) {
  std::vector<std::pair<std::string, ValueId>> variables;
  for (size_t i = 0; i < fused.inputs.size(); ++i) variables.emplace_back(fused.op->inputs[i].name, fused.inputs[i]);
  for (size_t i = 0; i < fused.outputs.size(); ++i) variables.emplace_back(fused.op->outputs[i].name, fused.outputs[i]);
  const auto find = [&](const std::string& name) {
    return std::find_if(variables.begin(), variables.end(), [&](const auto& v) { return v.first == name; });
  };
  const ops::Attrs complete = fused.op->Complete(fused.attrs);
  std::vector<Node> nodes;
  for (const ops::FusionPart& part : fused.op->parts) {
    Node node{.op = ops::FindOp(part.op), .scope = fused.scope};
    if (node.op == nullptr) return absl::InternalError(absl::StrCat(fused.op->name, " has the unknown part ", part.op));
    for (const std::string& key : part.attrs) {
      const ops::AttrValue* value = complete.Find(key);
      const ops::AttrValue* standard = node.op->defaults.Find(key);
      if (value != nullptr && standard != nullptr && !(*value == *standard)) node.attrs.Set(key, *value);
    }
    node.inputs.assign(node.op->inputs.size(), kNoValue);
    for (const auto& [slot, variable] : part.inputs) {
      const auto it = find(variable);
      if (it != variables.end()) node.inputs[node.op->FindInput(slot) - node.op->inputs.data()] = it->second;
    }
    CONCORD_ASSIGN_OR_RETURN(const ops::Signature s, InferNode(*graph, node));
    node.outputs.assign(node.op->outputs.size(), kNoValue);
    for (const auto& [slot, variable] : part.outputs) {
      auto it = find(variable);
      if (it == variables.end()) {
        it = variables.emplace(variables.end(), variable, static_cast<ValueId>(graph->values.size()));
        graph->values.push_back({.type = s.Out(slot)});
      }
      node.outputs[node.op->FindOutput(slot) - node.op->outputs.data()] = it->second;
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}

}  // namespace

Graph ExtractNode(const Graph& graph, const Node& node) {
  Graph one{.name = graph.name, .symbols = graph.symbols};
  Node& copy = one.nodes.emplace_back(node);
  std::vector<std::pair<ValueId, ValueId>> known;  // in the graph, here
  const auto take = [&](ValueId id) {
    const auto it = std::find_if(known.begin(), known.end(), [&](const auto& k) { return k.first == id; });
    if (it != known.end()) return it->second;
    Value value = graph.values[id];
    if (value.role == Role::kIntermediate) value.role = Role::kInput;
    if (value.role == Role::kInput || value.name.empty()) value.name = absl::StrCat("%", id);
    value.alias_of = kNoValue;
    one.values.push_back(std::move(value));
    known.emplace_back(id, static_cast<ValueId>(one.values.size() - 1));
    return known.back().second;
  };
  for (ValueId& id : copy.inputs) {
    if (id != kNoValue) id = take(id);
  }
  for (size_t i = 0; i < copy.outputs.size(); ++i) {
    Value value{.type = graph.values[node.outputs[i]].type};
    const ops::Slot& slot = node.op->outputs[i];
    copy.outputs[i] = static_cast<ValueId>(one.values.size());
    if (slot.alias_of.empty()) {
      one.outputs.push_back({slot.name, copy.outputs[i]});
    } else {
      value.role = Role::kState;
      value.alias_of = copy.inputs[node.op->FindInput(slot.alias_of) - node.op->inputs.data()];
    }
    one.values.push_back(std::move(value));
  }
  return one;
}

absl::StatusOr<int> Fuse(const Accepts& accepts, Module* module) {
  Graph& graph = module->main;
  NodeIndex index(graph);
  int fused = 0;
  for (const ops::OpDef* op : FusedOps()) {
    for (int32_t n = 0; n < static_cast<int32_t>(graph.nodes.size()); ++n) {
      const Node& anchor = graph.nodes[n];
      if (anchor.op == nullptr || anchor.op->name != op->parts.back().op) continue;
      const std::optional<Match> match = FindMatch(index, *op, n);
      if (!match.has_value()) continue;
      const Rewrite rewrite = PlanRewrite(graph, *match);
      if (!rewrite.possible || !accepts(ExtractNode(graph, match->fused), 0)) continue;
      Apply(*match, rewrite, &graph, &index);
      ++fused;
    }
  }
  DropEmpty(&graph);
  Prune(module);
  CONCORD_RETURN_IF_ERROR(Annotate(Validate(*module), "after fusion"));
  return fused;
}

absl::StatusOr<int> Unfuse(const Accepts& accepts, Module* module) {
  Graph& graph = module->main;
  std::vector<Node> nodes;
  int replaced = 0;
  for (Node& node : graph.nodes) {
    if (node.op->parts.empty() || accepts(ExtractNode(graph, node), 0)) {
      nodes.push_back(std::move(node));
      continue;
    }
    CONCORD_ASSIGN_OR_RETURN(std::vector<Node> parts, PartNodes(node, &graph));
    std::move(parts.begin(), parts.end(), std::back_inserter(nodes));
    ++replaced;
  }
  graph.nodes = std::move(nodes);
  CONCORD_RETURN_IF_ERROR(Annotate(Validate(*module), "after taking fused ops apart"));
  return replaced;
}

}  // namespace concord::graph
