#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/loader/gguf_types.h"

namespace concord::loader {

// A metadata value where it lies in the file; its bytes have been walked and fit.
struct GgufKeyValue {
  absl::string_view key;
  uint32_t type = 0;          // GgufValue, known
  uint32_t element_type = 0;  // of an array: known and neither array nor, for scalars, meaningful
  uint64_t count = 1;         // elements of an array
  absl::string_view bytes;    // the scalar, string length and text, or the elements back to back (no array head)
  absl::string_view raw;      // everything after the value type word, to copy
};

struct GgufTensorInfo {
  absl::string_view name;
  std::vector<int64_t> ne;  // as in the file, contiguous dimension first; all at least 1
  const GgufTensorType* type = nullptr;
  int64_t offset = 0;      // from the start of the file
  int64_t size_bytes = 0;  // offset + size_bytes lies within the file
};

// The head of a GGUF file, checked: counts, lengths, names, sizes and offsets are all within the file and consistent.
// Views point into the bytes it was read from.
struct GgufFile {
  uint32_t version = 0;
  int64_t alignment = 32;
  int64_t data_offset = 0;
  std::vector<GgufKeyValue> metadata;   // in file order
  std::vector<GgufTensorInfo> tensors;  // in file order

  const GgufKeyValue* Find(absl::string_view key) const;
};

// Reads GGUF 2 or 3, little-endian. `what` names the file in messages.
absl::StatusOr<GgufFile> ReadGguf(absl::Span<const std::byte> bytes, absl::string_view what);

// Calls fn(string_view) for each element of an array of strings, in order.
template <typename Fn>
void ForEachGgufString(const GgufKeyValue& array, Fn fn) {
  absl::string_view rest = array.bytes;
  for (uint64_t i = 0; i < array.count; ++i) {
    uint64_t length = 0;
    __builtin_memcpy(&length, rest.data(), sizeof(length));
    fn(rest.substr(sizeof(length), length));
    rest.remove_prefix(sizeof(length) + length);
  }
}

}  // namespace concord::loader
