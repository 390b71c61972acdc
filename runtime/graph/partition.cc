#include "runtime/graph/partition.h"

#include <algorithm>
#include <map>

namespace concord::graph {
namespace {

ValueId Root(const Graph& graph, ValueId id) {
  const ValueId root = graph.values[id].alias_of;
  return root == kNoValue ? id : root;
}

absl::Status CheckNodes(const Graph& graph, const Partition& partition) {
  int32_t last = -1;
  for (int32_t n : partition.nodes) {
    if (n <= last || n >= static_cast<int32_t>(graph.nodes.size())) {
      return absl::InvalidArgumentError(
          absl::StrCat("node ", n, " of a partition is out of range or not after node ", last));
    }
    last = n;
  }
  return absl::OkStatus();
}

// One edge between partitions for each two nodes that depend on each other across them: through a value, or through
// the order of reads and writes of one state.
using Edges = std::map<std::pair<int32_t, int32_t>, std::pair<int32_t, int32_t>>;  // partitions → an example of nodes

Edges CrossEdges(const Graph& graph, const std::vector<int32_t>& owner) {
  Edges edges;
  std::vector<int32_t> maker(graph.values.size(), -1);             // of a value, of the newest version of a state
  std::vector<std::vector<int32_t>> readers(graph.values.size());  // of the newest version of a state
  for (int32_t n = 0; n < static_cast<int32_t>(graph.nodes.size()); ++n) {
    const auto after = [&](int32_t before) {
      if (before >= 0 && owner[before] != owner[n])
        edges.emplace(std::pair(owner[before], owner[n]), std::pair(before, n));
    };
    for (ValueId id : graph.nodes[n].inputs) {
      if (id == kNoValue) continue;
      after(maker[Root(graph, id)]);
      if (graph.values[id].role == Role::kState) readers[Root(graph, id)].push_back(n);
    }
    for (ValueId id : graph.nodes[n].outputs) {
      const ValueId root = Root(graph, id);
      for (int32_t reader : readers[root]) after(reader);
      readers[root].clear();
      maker[root] = n;
    }
  }
  return edges;
}

absl::Status CheckStates(const Graph& graph, const std::vector<Partition>& partitions,
                         const std::vector<int32_t>& owner) {
  std::map<ValueId, int32_t> device;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    for (ValueId id : graph.nodes[n].inputs) {
      if (id == kNoValue || graph.values[id].role != Role::kState) continue;
      const ValueId root = Root(graph, id);
      const int32_t here = partitions[owner[n]].device;
      if (device.emplace(root, here).first->second == here) continue;
      return absl::InvalidArgumentError(absl::StrCat("the state '", graph.values[root].name, "' is used on device ",
                                                     device[root], " and by ",
                                                     NodeLabel(graph, static_cast<int32_t>(n)), " on device ", here));
    }
  }
  return absl::OkStatus();
}

// Kahn's algorithm over partitions; what remains is a cycle.
absl::Status CheckOrder(const Graph& graph, const Edges& edges, size_t n_partitions) {
  std::vector<int> waits(n_partitions);
  for (const auto& [edge, nodes] : edges) ++waits[edge.second];
  std::vector<int32_t> ready;
  for (size_t p = 0; p < n_partitions; ++p) {
    if (waits[p] == 0) ready.push_back(static_cast<int32_t>(p));
  }
  for (size_t i = 0; i < ready.size(); ++i) {
    for (const auto& [edge, nodes] : edges) {
      if (edge.first == ready[i] && --waits[edge.second] == 0) ready.push_back(edge.second);
    }
  }
  for (const auto& [edge, nodes] : edges) {
    if (waits[edge.first] == 0 || waits[edge.second] == 0) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("partition ", edge.second, " would wait for itself: ", NodeLabel(graph, nodes.second), " needs ",
                     NodeLabel(graph, nodes.first), " of partition ", edge.first, ", which needs it"));
  }
  return absl::OkStatus();
}

}  // namespace

Partition WholeGraph(const Graph& graph, int32_t device) {
  Partition whole{.device = device};
  for (size_t n = 0; n < graph.nodes.size(); ++n) whole.nodes.push_back(static_cast<int32_t>(n));
  return whole;
}

absl::StatusOr<std::vector<Use>> ClassifyValues(const Graph& graph, const Partition& partition) {
  CONCORD_RETURN_IF_ERROR(CheckNodes(graph, partition));
  std::vector<Use> use(graph.values.size(), Use::kNone);
  std::vector<bool> inside(graph.nodes.size());
  for (int32_t n : partition.nodes) inside[n] = true;
  const auto name = [&](ValueId id, Use intermediate) {
    if (id == kNoValue) return;
    const Role role = graph.values[id].role;
    if (role == Role::kState) use[id] = use[Root(graph, id)] = Use::kState;
    if (role == Role::kWeight) use[id] = Use::kConstant;
    if (role == Role::kInput) use[id] = Use::kInput;
    if (role == Role::kIntermediate && use[id] == Use::kNone) use[id] = intermediate;
  };
  for (int32_t n : partition.nodes) {  // outputs before the readers that follow
    for (ValueId id : graph.nodes[n].inputs) name(id, Use::kInput);
    for (ValueId id : graph.nodes[n].outputs) name(id, Use::kWorkspace);
  }
  const auto needed_outside = [&](ValueId id) {
    if (id != kNoValue && use[id] == Use::kWorkspace) use[id] = Use::kOutput;
  };
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    if (inside[n]) continue;
    for (ValueId id : graph.nodes[n].inputs) needed_outside(id);
  }
  for (const NamedOutput& output : graph.outputs) needed_outside(output.value);
  return use;
}

absl::Status CheckPartitions(const Graph& graph, const std::vector<Partition>& partitions) {
  std::vector<int32_t> owner(graph.nodes.size(), -1);
  for (size_t p = 0; p < partitions.size(); ++p) {
    CONCORD_RETURN_IF_ERROR(CheckNodes(graph, partitions[p]));
    for (int32_t n : partitions[p].nodes) {
      if (owner[n] >= 0) return absl::InvalidArgumentError(absl::StrCat(NodeLabel(graph, n), " is in two partitions"));
      owner[n] = static_cast<int32_t>(p);
    }
  }
  for (size_t n = 0; n < owner.size(); ++n) {
    if (owner[n] < 0)
      return absl::InvalidArgumentError(absl::StrCat(NodeLabel(graph, static_cast<int32_t>(n)), " is in no partition"));
  }
  CONCORD_RETURN_IF_ERROR(CheckStates(graph, partitions, owner));
  return CheckOrder(graph, CrossEdges(graph, owner), partitions.size());
}

}  // namespace concord::graph
