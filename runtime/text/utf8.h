#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

// UTF-8 as the Unicode standard defines it (table 3-7): no overlong forms, no surrogates, nothing over U+10FFFF.
namespace concord::text {

struct Utf8Char {
  char32_t code = 0;
  size_t size = 0;         // bytes of the character at the start of the text; 0: no valid character there
  size_t bad = 0;          // when size is 0: bytes of the ill-formed part (at least 1 unless the text is empty)
  bool truncated = false;  // when size is 0: the text ends inside of what may become a valid character
};

// The character at the start of `text`.
Utf8Char FirstChar(absl::string_view text);

// Appends the UTF-8 form of `code`, which must be a Unicode scalar value.
void AppendUtf8(char32_t code, std::string* out);

// Unicode's White_Space property.
bool IsWhiteSpace(char32_t code);

// The text in which every ill-formed part is one U+FFFD.
std::string ReplaceInvalidUtf8(absl::string_view text);

}  // namespace concord::text
