#include "runtime/exec/device_models.h"

#include <utility>

#include "runtime/exec/from_device.h"
#include "runtime/exec/probe_cache.h"

namespace concord::exec {

std::vector<graph::DeviceModel> DescribedModels(const std::vector<std::shared_ptr<hal::Device>>& devices) {
  std::vector<graph::DeviceModel> models;
  for (const auto& device : devices) models.push_back(DescribeDevice(*device));
  return models;
}

absl::StatusOr<std::vector<graph::DeviceModel>> MeasuredModels(
    const std::vector<std::shared_ptr<hal::Device>>& devices) {
  std::vector<graph::DeviceModel> models;
  for (const auto& device : devices) {
    CONCORD_ASSIGN_OR_RETURN(Probed probed, FromDevice(ProbedModel(*device)));
    models.push_back(std::move(probed.model));
  }
  return models;
}

}  // namespace concord::exec
