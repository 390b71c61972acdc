#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "runtime/exec/loaded_part.h"
#include "runtime/graph/sizes.h"

namespace concord::exec {

using ValueBytes = std::map<graph::ValueId, std::vector<std::byte>>;

// Some nodes of a part, to be run once by themselves on its device, host bytes going in and coming out. For checks: it
// compiles, allocates and copies each time.
struct Trial {
  const LoadedPart* part = nullptr;
  graph::Graph graph;           // the part's, with its value ids; outputs and the types of `weights` may differ
  std::vector<int32_t> nodes;   // ascending
  graph::SymbolValues symbols;  // all of the graph
  ValueBytes given;             // inputs, and states before the run
  ValueBytes weights;           // that differ from the part's, of which all others are used
};

// What the nodes made: all outputs, and states as they are then. Outputs and workspace begin as NaN.
// Unimplemented: the device declines a node as it is here, and why. ResourceExhausted: there is no memory for it. Any
// other error is one of the device.
absl::StatusOr<ValueBytes> RunTrial(const Trial& trial);

}  // namespace concord::exec
