#pragma once

#include <functional>

#include "backends/sdk/sdk.h"

namespace concord::null {

// One op of a compiled program: computes with the values of a step where `at` says they are.
using NullStep = std::function<void(const sdk::HostBindings& at)>;

// What compiling an op needs of the device (streams, kernel libraries); nothing so far.
struct NullContext {};

// What query and compile know of an op, in one place: a file each, <op>.cc.
using NullRow = sdk::OpRow<NullStep, NullContext>;
using NullTable = sdk::OpTable<NullStep, NullContext>;

}  // namespace concord::null
