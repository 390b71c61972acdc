#pragma once

#include <memory>

#include "backends/cpu/step.h"
#include "backends/cpu/step_builder.h"
#include "backends/sdk/sdk.h"

namespace concord::cpu {

using OpRow = sdk::OpRow<std::unique_ptr<Step>, StepBuilder>;
using OpTable = sdk::OpTable<std::unique_ptr<Step>, StepBuilder>;

// Every op of the CPU, from the sorted list in backends/cpu/CMakeLists.txt.
const OpTable& Ops();

// In backends/cpu/ops/<word>.cc: CONCORD_CPU_OP(word, name, version, Query, Compile);
#define CONCORD_CPU_OP(word, name, version, query, compile) \
  extern const OpRow kRow_##word;                           \
  constexpr OpRow kRow_##word = {name, version, query, compile}

}  // namespace concord::cpu
