#pragma once

#include <nlohmann/json.hpp>

#include "runtime/base/status.h"

namespace concord::loader {

struct JsonRules {
  int max_depth = 32;              // of nested arrays and objects
  bool refuse_duplicates = false;  // two equal keys in one object are an error, else the last one counts
};

// Parses JSON that came from a file. `what` names it in the error, which says where in the text the fault lies.
// NaN, Infinity and -Infinity, which Python writes, become null.
absl::StatusOr<nlohmann::json> ParseJson(absl::string_view text, absl::string_view what, const JsonRules& rules = {});

}  // namespace concord::loader
