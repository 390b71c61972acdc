#pragma once

#include <vector>

#include "runtime/graph/graph.h"
#include "runtime/graph/sizes.h"

namespace concord::graph {

// What one run of a node, or of a graph, does: the work and the bytes that it has to move at least.
struct NodeCost {
  double flops = 0;
  double weight_bytes = 0;      // weights read; of a table that is looked up, the rows that are
  double state_bytes = 0;       // states read for the tokens that are visible, and written for the new ones
  double activation_bytes = 0;  // other inputs and outputs
  double state_rows = 0;        // of the states read: a key or a value of one head is one
  double pairs = 0;             // of a query and a key of one head that are multiplied

  double bytes() const { return weight_bytes + state_bytes + activation_bytes; }
  NodeCost& operator+=(const NodeCost& o);
};

struct GraphCost {
  std::vector<NodeCost> nodes;
  NodeCost total;
  int64_t tokens = 1;  // of the step
};

// The cost for these sizes, when every token sees `kv_len` keys. Every symbol of the graph has a value.
// Weights that several nodes read count each time: they are too large to stay in a cache.
absl::StatusOr<GraphCost> ComputeCost(const Graph& graph, const SymbolValues& symbols, int64_t kv_len);

}  // namespace concord::graph
