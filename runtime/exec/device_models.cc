#include "runtime/exec/device_models.h"

#include "runtime/base/memory_block.h"

namespace concord::exec {

std::vector<graph::DeviceModel> DescribedModels(const std::vector<std::shared_ptr<hal::Device>>& devices) {
  std::vector<graph::DeviceModel> models;
  for (const auto& device : devices) {
    graph::DeviceModel& model = models.emplace_back();
    const hal::DeviceInfo& info = device->info();
    model.id = info.id;
    model.host_memory = info.has(CONCORD_DEVICE_HOST_MEMORY);
    model.shares_host_cores = info.has(CONCORD_DEVICE_SHARES_HOST_CORES);
    model.async = info.has(CONCORD_DEVICE_ASYNC);
    if (model.host_memory) {
      model.free_bytes = MemoryBlock::AvailableBytes();
    } else if (const auto stats = device->MemoryStats(); stats.ok() && stats->total_bytes > 0) {
      model.free_bytes = static_cast<int64_t>(stats->free_bytes);
    }
  }
  return models;
}

absl::StatusOr<std::vector<graph::DeviceModel>> MeasuredModels(
    const std::vector<std::shared_ptr<hal::Device>>& devices) {
  return DescribedModels(devices);
}

}  // namespace concord::exec
