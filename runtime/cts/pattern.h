#pragma once

#include "absl/strings/string_view.h"

namespace concord::cts {

// Whether a pattern names a case: '*' stands for any characters and '?' for one; "ops/linear" also names everything
// below it.
bool Matches(absl::string_view pattern, absl::string_view name);

// The same for several patterns, separated by commas.
bool MatchesAny(absl::string_view patterns, absl::string_view name);

}  // namespace concord::cts
