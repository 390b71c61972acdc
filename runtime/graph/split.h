#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/graph/module.h"

namespace concord::graph {

// What one device runs as one program of a module that lies on several devices: a module of its own, so that whatever
// works on a module (fusing, lowering, loading weights, planning memory) works on a part. A value that another part
// makes is an input, one that another part reads is an output; both have its CutName.
struct ModulePart {
  int32_t device = 0;          // index in the caller's list of devices
  std::vector<int32_t> nodes;  // of the whole module: node i of the part is nodes[i] there
  Module module;

  bool operator==(const ModulePart&) const = default;
};

// Cuts a module where the device changes along its nodes, which keeps every part convex: parts run one after the other
// in the order of the result. `device_of` holds a device for each node. InvalidArgument: a wrong count, or a state
// whose readers and writers are on several devices; the message names the node.
absl::StatusOr<std::vector<ModulePart>> Split(const Module& module, const std::vector<int32_t>& device_of);

// "cut.17": the name by which parts pass value 17 of the whole module to each other.
std::string CutName(ValueId value);
bool IsCut(absl::string_view name);

}  // namespace concord::graph
