#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/exec/decoded_weights.h"
#include "runtime/graph/lower.h"
#include "runtime/graph/module.h"
#include "runtime/hal/device.h"
#include "runtime/hal/program.h"

namespace concord::exec {

struct CompiledModule {
  graph::LoweredProgram lowered;
  std::vector<std::string> arithmetic;  // by node
  std::vector<DecodedWeight> decoded;   // weights whose type in the graph is no longer that of the file
  hal::Program program;
};

// Fuses what the device takes fused, chooses each op's arithmetic, and compiles. `compute` is "exact" (f32 everywhere)
// or "fast" (the first of packing::FastArithmetics of its weight at which the device is no slower). The module's graph
// is changed: by fusion, and where the device refuses a weight's packing but would take it decoded, in the weight's
// type. It must stay where it is. Unavailable, naming op, device and reason, where the device cannot compute something.
absl::StatusOr<CompiledModule> CompileModule(graph::Module* module, const hal::Device& device,
                                             const std::string& compute);

// Why the device cannot compute a node, in any arithmetic that `compute` allows and with its weights decoded; nothing
// when it can.
std::optional<std::string> WhyRefused(const graph::Graph& graph, int32_t node, const hal::Device& device,
                                      const std::string& compute);

}  // namespace concord::exec
