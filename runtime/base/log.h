#pragma once

#include <functional>

#include "absl/strings/string_view.h"
#include "concord/log_level.h"

namespace concord {

// Where messages go: the library itself prints nothing. Called from any thread, also concurrently; must not throw.
// An empty function drops them.
using LogFn = std::function<void(LogLevel, absl::string_view)>;

}  // namespace concord
