#pragma once

#include <cstdint>
#include <string>

#include "concord/plugin.h"

namespace concord::hal {

// concord_device_info with strings of its own; see there for what the fields mean.
struct DeviceInfo {
  std::string id;    // "vulkan:0": plugin and index, how users name it
  std::string name;  // "NVIDIA H200"
  std::string kind;
  std::string driver;
  std::string features;
  std::string kv_layout;
  uint32_t flags = 0;  // CONCORD_DEVICE_*
  uint64_t memory_bytes = 0;
  uint64_t max_buffer_bytes = 0;
  uint32_t binding_align_bytes = 1;
  uint32_t constant_align_bytes = 1;
  uint32_t queue_count = 1;
  uint32_t max_partition_ops = 1;

  bool has(uint32_t flag) const { return (flags & flag) != 0; }
};

}  // namespace concord::hal
