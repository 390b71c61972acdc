#pragma once

#include <vector>

#include "runtime/graph/graph.h"

namespace concord::graph {

// Nodes of a graph that one device runs as one program.
struct Partition {
  int32_t device = 0;          // index in the caller's list of devices
  std::vector<int32_t> nodes;  // ascending

  bool operator==(const Partition&) const = default;
};

Partition WholeGraph(const Graph& graph, int32_t device = 0);

// What a value is for a partition.
enum class Use {
  kNone,      // none of its nodes names it
  kInput,     // read, and made elsewhere
  kOutput,    // made here, and read elsewhere or an output of the graph
  kState,     // a state or a later version of one; the versions that only a node names count for the state from outside
  kConstant,  // a weight
  kWorkspace,  // made here and needed nowhere else
};

// The use of every value. InvalidArgument when the nodes are not ascending or out of range.
absl::StatusOr<std::vector<Use>> ClassifyValues(const Graph& graph, const Partition& partition);

// Whether `partitions` can run one after the other, each as one program: every node is in exactly one, no path leaves a
// partition and comes back (then it would wait for itself), and all readers and writers of a state are on one device.
// The error names the nodes of such a path.
absl::Status CheckPartitions(const Graph& graph, const std::vector<Partition>& partitions);

}  // namespace concord::graph
