#include "runtime/graph/prune.h"

#include <algorithm>

namespace concord::graph {
namespace {

// Marks the nodes that are needed; `used` receives the values that they name, and the outputs.
std::vector<bool> NeededNodes(const Graph& graph, std::vector<bool>* used) {
  std::vector<bool> needed(graph.nodes.size());
  const auto use = [&](ValueId id) {
    if (id == kNoValue) return;
    (*used)[id] = true;
    if (graph.values[id].alias_of != kNoValue) (*used)[graph.values[id].alias_of] = true;
  };
  for (const NamedOutput& output : graph.outputs) use(output.value);
  for (size_t n = graph.nodes.size(); n-- > 0;) {  // readers stand after what they read
    const Node& node = graph.nodes[n];
    for (ValueId id : node.outputs) {
      needed[n] = needed[n] || (*used)[id] || graph.values[id].role == Role::kState;
    }
    if (!needed[n]) continue;
    for (ValueId id : node.inputs) use(id);
    for (ValueId id : node.outputs) use(id);
  }
  return needed;
}

}  // namespace

std::vector<ValueId> Prune(Graph* graph) {
  std::vector<bool> used(graph->values.size());
  const std::vector<bool> needed = NeededNodes(*graph, &used);
  std::vector<ValueId> new_id(graph->values.size(), kNoValue);
  std::vector<Value> values;
  for (size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) continue;
    new_id[i] = static_cast<ValueId>(values.size());
    values.push_back(std::move(graph->values[i]));
  }
  const auto renumber = [&](ValueId* id) {
    if (*id != kNoValue) *id = new_id[*id];
  };
  for (Value& value : values) renumber(&value.alias_of);
  std::vector<Node> nodes;
  for (size_t n = 0; n < needed.size(); ++n) {
    if (!needed[n]) continue;
    Node& node = nodes.emplace_back(std::move(graph->nodes[n]));
    for (ValueId& id : node.inputs) renumber(&id);
    for (ValueId& id : node.outputs) renumber(&id);
  }
  for (NamedOutput& output : graph->outputs) renumber(&output.value);
  graph->values = std::move(values);
  graph->nodes = std::move(nodes);
  return new_id;
}

void Prune(Module* module) {
  const std::vector<ValueId> new_id = Prune(&module->main);
  std::vector<Weight> weights;
  for (Weight& weight : module->weights) {
    weight.value = new_id[weight.value];
    if (weight.value != kNoValue) weights.push_back(std::move(weight));
  }
  module->weights = std::move(weights);
  auto& groups = module->state_groups;
  for (StateGroup& group : groups) {
    for (ValueId& id : group.states) id = new_id[id];
    group.states.erase(std::remove(group.states.begin(), group.states.end(), kNoValue), group.states.end());
  }
  groups.erase(std::remove_if(groups.begin(), groups.end(), [](const StateGroup& g) { return g.states.empty(); }),
               groups.end());
}

absl::Status KeepOutputs(const std::vector<std::string>& names, Module* module) {
  std::vector<NamedOutput> outputs;
  for (const std::string& name : names) {
    const ValueId value = module->main.FindOutput(name);
    if (value == kNoValue) return absl::NotFoundError(absl::StrCat("the model has no output '", name, "'"));
    outputs.push_back({name, value});
  }
  module->main.outputs = std::move(outputs);
  Prune(module);
  return absl::OkStatus();
}

}  // namespace concord::graph
