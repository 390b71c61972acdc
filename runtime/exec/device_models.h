#pragma once

#include <memory>
#include <vector>

#include "runtime/graph/device_model.h"
#include "runtime/hal/device.h"

namespace concord::exec {

// What can be said of devices without measuring: names, flags, free memory.
std::vector<graph::DeviceModel> DescribedModels(const std::vector<std::shared_ptr<hal::Device>>& devices);

// With their speeds: measured earlier on this machine, or now, one after the other.
absl::StatusOr<std::vector<graph::DeviceModel>> MeasuredModels(
    const std::vector<std::shared_ptr<hal::Device>>& devices);

}  // namespace concord::exec
