#pragma once

#include "runtime/cli/format.h"
#include "runtime/hal/device_registry.h"

namespace concord::cli {

inline Json DeviceJson(const hal::DeviceRegistry::Entry& entry) {
  const hal::DeviceInfo& info = entry.info;
  const hal::Plugin& plugin = entry.instance->plugin();
  return {{"id", info.id},
          {"kind", info.kind},
          {"name", info.name},
          {"driver", info.driver},
          {"features", info.features},
          {"memory_bytes", info.memory_bytes},
          {"max_buffer_bytes", info.max_buffer_bytes},
          {"queues", info.queue_count},
          {"plugin", plugin.name()},
          {"plugin_version", plugin.version()},
          {"plugin_path", plugin.path()}};  // "": a part of this program
}

}  // namespace concord::cli
