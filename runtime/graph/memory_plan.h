#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/graph/partition.h"
#include "runtime/graph/sizes.h"

namespace concord::graph {

// Where the intermediate values of a partition lie in its workspace.
//
// Values share memory when their lives do not meet in the order of the nodes: a value lives from the node that makes it
// to the last that reads it, both included, so that no op reads and writes the same bytes. Inputs, outputs, states and
// constants are bound apart and have no place here.
//
// Order of execution: the plan is right for ops that run in the order given. A device that starts an op as soon as its
// inputs are there must also wait, before an op writes a value, for every earlier op that reads or writes memory which
// overlaps it (write after read, write after write). The plan adds no edges for that: whoever executes it derives them
// from the ranges, as concord/plugin.h says at value_offsets; MemoryHazards() lists them for tests and tools.
struct MemoryPlan {
  static constexpr uint64_t kNoOffset = UINT64_MAX;

  std::vector<uint64_t> offsets;     // by value of the graph; kNoOffset for those without a place
  uint64_t total_bytes = 0;          // a multiple of the alignment
  uint64_t peak_bytes = 0;           // the most that lives at one node: no plan can use less
  int32_t peak_node = -1;            // that node; -1 where the workspace is empty
  std::vector<ValueId> peak_values;  // what lives there, largest first
};

// First fit by size: the largest value first, each at the lowest place that is free during its life.
// Every symbol of the graph has a value in `capacities`. align_bytes is a power of two.
// Errors: a symbol without a value, a size that leaves 64 bits.
absl::StatusOr<MemoryPlan> PlanMemory(const Graph& graph, const Partition& partition, const SymbolValues& capacities,
                                      uint64_t align_bytes = 64);

// Pairs (a, b) of nodes of the partition, a before b, such that a must have finished before b starts because b writes
// memory that a reads or writes, beyond what the values themselves order. `capacities` as for the plan.
absl::StatusOr<std::vector<std::pair<int32_t, int32_t>>> MemoryHazards(const Graph& graph, const Partition& partition,
                                                                       const SymbolValues& capacities,
                                                                       const MemoryPlan& plan);

}  // namespace concord::graph
