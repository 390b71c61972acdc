#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/exec/loaded_part.h"
#include "runtime/graph/split.h"
#include "runtime/hal/device.h"

namespace concord::exec {

using Devices = absl::Span<const std::shared_ptr<hal::Device>>;

// Nodes that run on another device than the one that was wished for them, because that refuses them.
struct MovedOp {
  std::string op;                   // "rope"
  std::string wished, device;       // ids
  std::string reason;               // the wished device's
  std::vector<std::string> scopes;  // where: "layers.3"
};

struct PlacedModule {
  std::vector<graph::ModulePart> parts;
  std::vector<bool> part_moved;  // by part: whether all of its nodes were wished elsewhere
  std::vector<MovedOp> moved;
};

// Cuts `module` into parts for `devices`. `wished` has a device for each node, or is empty: the first for all. A node
// that its device refuses, also with its weights decoded, goes to the first of the others that takes it, and with it
// whatever shares its state; a single device is not asked here, for compiling says what it refuses. Unavailable, with
// each device's reason, for what no device takes. `compute` as in CompileModule.
absl::StatusOr<PlacedModule> PlaceModule(graph::Module module, Devices devices, std::vector<int32_t> wished,
                                         const std::string& compute);

struct CompiledParts {
  Parts parts;  // without weights
  std::vector<MovedOp> moved;
};

// The same, each part compiled by its device.
absl::StatusOr<CompiledParts> CompileParts(graph::Module module, Devices devices, std::vector<int32_t> wished,
                                           const std::string& compute);

// "rope of layers.0 and 15 more runs on cpu:0 instead of vulkan:0: ..."
std::string MovedSentence(const MovedOp& moved);

}  // namespace concord::exec
