#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/exec/probe.h"

namespace concord::exec {

struct Probed {
  graph::DeviceModel model;
  int64_t measured_s = 0;  // when, in seconds since 1970
  bool from_cache = false;
  std::string file;  // where it is kept; "": nowhere
};

enum class ProbeUse {
  kCached,     // from the disk, else measured now and kept there
  kAnew,       // measured now and kept
  kOnlyCached  // from the disk, else NotFound
};

// What a probe of this device says. Results are kept in the cache folder, a readable file for each device and number of
// threads; one of another driver, plugin or age of this code, and a broken one, is as good as none. Where nothing can
// be kept, the log says so once, and the next process measures again. Memory that is free is always that of now.
absl::StatusOr<Probed> ProbedModel(const hal::Device& device, ProbeUse use = ProbeUse::kCached);

// The figures as they are kept.
nlohmann::ordered_json ProbeJson(const graph::DeviceModel& model);

}  // namespace concord::exec
