#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace concord::loader {

// GGUF's value types.
enum class GgufValue : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

// Bytes of a fixed-size value type; 0 for strings, arrays and unknown types.
int64_t GgufValueBytes(uint32_t type);
std::string GgufValueName(uint32_t type);  // "u32"; "value type 77" when unknown

// A tensor type that GGUF defines, whether or not Concord reads it (packing::FindGguf knows that).
struct GgufTensorType {
  int32_t id;
  const char* name;
  uint32_t block_elems;
  uint32_t block_bytes;
};

const GgufTensorType* FindGgufTensorType(uint32_t id);  // null when unknown or removed

// What a tensor type id that FindGgufTensorType does not know is, for a message:
// "type 4 (Q4_2, removed from GGUF in 2023)", "type 133 (Q6_0, ik_llama.cpp's own)", "unknown type 4711".
std::string DescribeGgufTensorType(uint32_t id);

}  // namespace concord::loader
