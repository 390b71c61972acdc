#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/graph/graph.h"

namespace concord::graph {

// Who makes and who reads each value, kept while nodes change. Positions without a node have no op.
class NodeIndex {
 public:
  explicit NodeIndex(const Graph& graph);

  const Graph& graph() const { return graph_; }
  int32_t producer(ValueId id) const { return producer_[id]; }                    // -1: none
  const std::vector<int32_t>& readers(ValueId id) const { return readers_[id]; }  // each once
  bool is_output(ValueId id) const { return is_output_[id]; }

  void Remove(int32_t node);  // before the node changes
  void Add(int32_t node);     // after it has

 private:
  const Graph& graph_;
  std::vector<int32_t> producer_;
  std::vector<std::vector<int32_t>> readers_;
  std::vector<bool> is_output_;
};

// One place where the pattern of a fused op fits.
struct Match {
  std::vector<int32_t> nodes;  // ascending
  Node fused;                  // the node that replaces them
};

// The match of `op` whose last part is node `anchor`, if there is one.
std::optional<Match> FindMatch(const NodeIndex& index, const ops::OpDef& op, int32_t anchor);

}  // namespace concord::graph
