#pragma once

#include <memory>
#include <string>
#include <vector>

#include "concord/concord.h"
#include "runtime/exec/choose_placement.h"
#include "runtime/exec/placed_module.h"
#include "runtime/hal/device.h"

namespace concord::exec {

// Opens what the options name: the devices of `place` in their order, then those of `devices`, each once; for a
// hand-over the prefill device and then the decode device.
// Unavailable for one that is not there or cannot be opened; InvalidArgument for a placement that does not parse.
absl::StatusOr<std::vector<std::shared_ptr<hal::Device>>> OpenDevices(const LoadOptions& options);

// Of options with a decode_device, those of the side that answers; the device itself is left out.
LoadOptions DecodeOptions(LoadOptions options);

struct Placed {
  CompiledParts compiled;
  std::vector<PlanAlternative> alternatives;  // where there was a choice
  std::string remark;                         // why this one
};

// Compiles a module for its devices: as `options.place` says, on the only device, or as is predicted to be fastest by
// `models`, which is read only then. InvalidArgument: rules that do not fit the model.
absl::StatusOr<Placed> PlaceOnDevices(const loader::ModelSource& source, const graph::Module& module, Devices devices,
                                      const std::vector<graph::DeviceModel>& models, const LoadOptions& options,
                                      const PlacementCase& wanted);

// Whether PlaceOnDevices has a choice.
bool HasChoice(Devices devices, const LoadOptions& options);

}  // namespace concord::exec
