#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace concord::cli {

// Columns that `text` takes on a terminal: two for an East Asian wide character, none for a combining mark.
size_t Width(absl::string_view text);

// `text`, one paragraph, in lines of at most `width` columns, all but the first indented; the first begins at `indent`
// too. Breaks at spaces, and between wide characters except where their punctuation forbids it.
std::string Wrapped(absl::string_view text, size_t indent, size_t width);

}  // namespace concord::cli
