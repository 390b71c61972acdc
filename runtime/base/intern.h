#pragma once

#include "absl/strings/string_view.h"

namespace concord {

// The one NUL-terminated copy of this text for the life of the process: equal texts give equal pointers.
// Threads: any. Never freed, so only for names (ops, tensors, tracks), not for data that grows with use.
// Null when there is no memory.
const char* Intern(absl::string_view text);

}  // namespace concord
