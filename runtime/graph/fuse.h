#pragma once

#include <functional>

#include "runtime/graph/module.h"

namespace concord::graph {

// Asked once for each application of a fused op that fits: whether the device takes it. `candidate` is a graph of that
// one node alone, what it reads being inputs, weights and states, what it makes being outputs.
using Accepts = std::function<bool(const Graph& candidate, int32_t node)>;

// Replaces parts by fused ops of the catalogue (every OpDef with parts) where the pattern fits and the device accepts;
// elsewhere the parts stay. Larger patterns go first. A pattern fits when
// - every value that exists only inside it has no other reader and is no output,
// - its matrices have one packing (kernels read them side by side),
// - what it reads does not depend on what it makes by way of other nodes.
// The fused node stands after all that it reads and before all that read it; add is tried with either order of inputs.
// Returns how many were fused. The module has passed Validate(), and does so afterwards.
absl::StatusOr<int> Fuse(const Accepts& accepts, Module* module);

// The inverse: replaces every fused op that the device does not take by its parts. A model that came as a graph may
// hold fused ops; so may one that was fused for another device. Returns how many were replaced.
absl::StatusOr<int> Unfuse(const Accepts& accepts, Module* module);

// The graph of one node alone, as Accepts gets it.
Graph ExtractNode(const Graph& graph, const Node& node);

}  // namespace concord::graph
