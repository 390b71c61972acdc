#pragma once

#include <string>
#include <vector>

#include "runtime/base/status.h"

namespace concord::exec {

class LoadedModel;

inline constexpr const char* kCanaryWords[] = {"off", "warn", "strict", "full"};  // of LoadOptions::canary

// Proves every part of a model that is not on the built-in CPU (PartCanary), within 0.5 s or 5 % of `load_seconds`,
// whichever is more; "full" takes as long as it takes. What passed is remembered on disk and not proven again for the
// same model, device, driver and plugin. `how` is one of kCanaryWords.
// Returns what is wrong where `how` is "warn"; else that is Unavailable.
absl::StatusOr<std::vector<std::string>> RunCanary(const LoadedModel& model, const std::string& how,
                                                   double load_seconds);

}  // namespace concord::exec
