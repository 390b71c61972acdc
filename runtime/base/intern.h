#pragma once

#include "absl/strings/string_view.h"

namespace concord {

// The one address of this text for the life of the process, NUL-terminated: equal strings give equal pointers, so
// symbols and type names compare by address. Any thread. Never freed; do not intern unbounded input.
const char* Intern(absl::string_view text);

}  // namespace concord
