#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

// The byte-to-unicode alphabet of byte-level BPE: each byte as a printable character, space as "Ġ", newline as "Ċ".
namespace concord::text {

// The bytes that `token` spells in the alphabet; nothing when it has a character outside of it.
std::optional<std::string> BytesFromAlphabet(absl::string_view token);

// `bytes` spelled in the alphabet.
std::string AlphabetFromBytes(absl::string_view bytes);

// The byte of a "<0xNN>" token, or -1.
int ByteOfHexToken(absl::string_view token);

}  // namespace concord::text
