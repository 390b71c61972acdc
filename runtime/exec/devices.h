#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "concord/concord.h"
#include "runtime/graph/module.h"
#include "runtime/hal/device.h"

namespace concord::exec {

// Opens what the options name: the devices of `place` in their order, then those of `devices`, each once; for a
// hand-over the prefill device and then the decode device.
// Unavailable for one that is not there or cannot be opened; InvalidArgument for a placement that does not parse.
absl::StatusOr<std::vector<std::shared_ptr<hal::Device>>> OpenDevices(const LoadOptions& options);

// The index in `devices` that the options wish for each node; empty where there is only one device.
absl::StatusOr<std::vector<int32_t>> WishedDevices(const graph::Module& module,
                                                   const std::vector<std::shared_ptr<hal::Device>>& devices,
                                                   const LoadOptions& options);

}  // namespace concord::exec
