#pragma once

#include <string>
#include <vector>

#include "runtime/graph/lower.h"
#include "runtime/graph/module.h"
#include "runtime/hal/device.h"
#include "runtime/hal/program.h"

namespace concord::exec {

struct CompiledModule {
  graph::LoweredProgram lowered;
  std::vector<std::string> arithmetic;  // by node
  hal::Program program;
};

// Fuses what the device takes fused, chooses each op's arithmetic, and compiles. `compute` is "exact" (f32 everywhere)
// or "fast" (int8/32 where a weight is quantised and the device has it). The module's graph is changed by fusion and
// must stay where it is. Unavailable, naming op, device and reason, where the device cannot compute something.
absl::StatusOr<CompiledModule> CompileModule(graph::Module* module, const hal::Device& device,
                                             const std::string& compute);

}  // namespace concord::exec
