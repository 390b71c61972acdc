#pragma once

#include <vector>

#include "backends/gpu/launch.h"
#include "backends/gpu/launch_builder.h"
#include "backends/sdk/sdk.h"

namespace concord::gpu {

// Compiling an op adds its launches to the builder.
using OpRow = sdk::OpRow<bool, LaunchBuilder>;
using OpTable = sdk::OpTable<bool, LaunchBuilder>;

// Every op that the kernels of kernels/gpu compute, from the sorted list in backends/gpu/CMakeLists.txt. Of each
// backend alike: what a device lacks, a launch's condition or another variant of the kernel makes up for.
const OpTable& Ops();

// In backends/gpu/ops/<word>.cc: CONCORD_GPU_OP(word, name, version, Query, Compile);
#define CONCORD_GPU_OP(word, name, version, query, compile) \
  extern const OpRow kRow_##word;                           \
  constexpr OpRow kRow_##word = {name, version, query, compile}

}  // namespace concord::gpu
