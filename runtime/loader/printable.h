#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace concord::loader {

// Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(absl::string_view text);

// Text from a file for a message or a listing: control characters escaped, long text cut, always valid UTF-8.
std::string Printable(absl::string_view text, size_t max_bytes = 96);

}  // namespace concord::loader
