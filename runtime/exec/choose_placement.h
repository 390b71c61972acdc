#pragma once

#include <string>
#include <vector>

#include "concord/concord.h"
#include "runtime/exec/capacities.h"
#include "runtime/exec/placed_module.h"
#include "runtime/exec/step_time.h"
#include "runtime/graph/device_model.h"
#include "runtime/loader/model_source.h"

namespace concord::exec {

// What a placement is to be good for.
struct PlacementCase {
  StepSizes step;             // whose time counts
  StepCapacities capacities;  // whose memory must be there
};

// The case of LoadOptions::optimize_for. InvalidArgument for another word.
absl::StatusOr<PlacementCase> CaseOf(const LoadOptions& options, const EngineOptions& engine, int64_t context);

struct ChosenPlacement {
  std::vector<int32_t> wished;                // a device for each node of the module
  std::vector<PlanAlternative> alternatives;  // all that were considered, the chosen one first
  std::string remark;                         // why this one
  bool fits = true;                           // false: none does; `wished` is what comes nearest
};

// The fastest placement that fits: everything on one device, or the layers cut into runs on several where that is
// predicted to be faster. `models` has the figures of each device.
absl::StatusOr<ChosenPlacement> ChoosePlacement(const loader::ModelSource& source, const graph::Module& module,
                                                Devices devices, const std::vector<graph::DeviceModel>& models,
                                                const PlacementCase& wanted, const std::string& compute);

}  // namespace concord::exec
