#pragma once

#include <functional>

#include "absl/strings/string_view.h"

namespace concord {

enum class LogLevel { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

// Where messages go: the library itself prints nothing. Called from any thread, also concurrently; must not throw.
// An empty function drops them.
using LogFn = std::function<void(LogLevel, absl::string_view)>;

}  // namespace concord
