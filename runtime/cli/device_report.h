#pragma once

#include <string>

#include "runtime/cli/format.h"
#include "runtime/exec/probe_cache.h"
#include "runtime/hal/device_registry.h"

namespace concord::cli {

// What doctor says of one device.
struct DeviceReport {
  const hal::DeviceRegistry::Entry* entry = nullptr;
  absl::Status opened;      // the rest is empty where it cannot be opened
  int64_t free_bytes = -1;  // -1: unknown
  absl::StatusOr<exec::Probed> probed = absl::NotFoundError("not measured");
};

// Opens the device. `probe`: measures it, unless that was done before.
DeviceReport ReportOn(const hal::DeviceRegistry& registry, const hal::DeviceRegistry::Entry& entry, bool probe);

// A paragraph within 100 columns, two columns in.
std::string AsText(const DeviceReport& report);
Json AsJson(const DeviceReport& report);

}  // namespace concord::cli
