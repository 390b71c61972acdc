#pragma once

namespace concord {

enum class LogLevel { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

}  // namespace concord
