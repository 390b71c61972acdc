#pragma once

#include <string>
#include <vector>

#include "backends/gpu/adapter.h"
#include "backends/vulkan/api.h"

namespace concord::vulkan {

// A physical device: what it is, whether it can be used, and the choices that follow from it.
struct Adapter : gpu::Adapter {
  VkPhysicalDevice handle = VK_NULL_HANDLE;
  uint32_t compute_family = 0;
  uint32_t transfer_family = 0;  // compute_family where there is none that only transfers
  uint32_t device_memory_type = 0, staging_memory_type = 0;
  bool staging_coherent = false;
  uint64_t non_coherent_atom = 1;
  uint32_t max_groups_x = 0;
  uint32_t timestamp_bits = 0;  // of the compute family; 0: it has no clock
  double ns_per_tick = 1;
  bool tells_time = false;  // without a command: VK_EXT_calibrated_timestamps

  // FAILED_PRECONDITION and why when Concord cannot use it.
  static sdk::Result<Adapter> Judge(const InstanceApi& instance, VkPhysicalDevice handle);
  // All that can be used, in the order of the loader; `refused` gets a line for each other.
  static sdk::Result<std::vector<Adapter>> FindAll(const InstanceApi& instance, std::vector<std::string>* refused);
};

}  // namespace concord::vulkan
