#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "ops/core/tensor_view.h"
#include "runtime/graph/graph.h"
#include "runtime/graph/sizes.h"

namespace concord::graph {

// What a graph computed: a view of every value, in memory of the caller where it was bound, else in memory kept here.
struct Evaluation {
  std::vector<ops::TensorView> values;  // by value
  std::vector<std::unique_ptr<std::byte[]>> memory;
};

// Runs the float64 reference of every node in order, on host memory: for tests and canaries, far too slow to serve.
// `bound` has one view a value; inputs, weights and states from outside must be there (a default-made view is "not
// bound"), others may be, for example to see them in a workspace. `arithmetic` holds one word a node; empty: "f32".
// The graph has passed Validate(); ids that the inputs hold (slots, block tables) are trusted.
// Errors: a value missing, of another type or size; a symbol without a value; an intermediate that cannot be encoded.
absl::StatusOr<Evaluation> Evaluate(const Graph& graph, const SymbolValues& symbols, std::vector<ops::TensorView> bound,
                                    const std::vector<std::string>& arithmetic = {});

}  // namespace concord::graph
