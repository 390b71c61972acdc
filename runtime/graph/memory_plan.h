#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/graph/graph.h"

namespace concord::graph {

// Capacities or step values of symbols, by name.
using SymbolValues = std::vector<std::pair<std::string, int64_t>>;

// Where intermediate values live in one workspace, so that values which are never alive together share memory.
//
// Alive means: from the node that makes a value to the last that reads it, in the order of the list. An executor that
// runs nodes in another order must wait for the memory too: where two values overlap, the maker of the later one starts
// only when the readers (and the maker) of the earlier one are done. Offsets cross the border in
// concord_prepare_args.value_offsets.
struct MemoryPlan {
  static constexpr int64_t kNoOffset = -1;  // not in the workspace: bound, an alias, or never read

  std::vector<int64_t> offsets;   // by ValueId
  int64_t total_bytes = 0;
  int64_t sum_bytes = 0;          // without sharing
  int32_t peak_node = -1;         // where the most is alive
};

// The elements of a type under `symbols`, and its bytes. InvalidArgument when a symbol is missing or the size leaves 64
// bits.
absl::StatusOr<int64_t> BytesOf(const ops::TensorType& type, const SymbolValues& symbols);

// Offsets are multiples of `align_bytes`, a power of two.
absl::StatusOr<MemoryPlan> PlanMemory(const Graph& graph, const SymbolValues& capacities, int64_t align_bytes);

}  // namespace concord::graph
