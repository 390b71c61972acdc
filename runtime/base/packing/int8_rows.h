#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime/base/packing/packing.h"

// The activation side of the arithmetics "int8/32" and "int8/256": that many consecutive elements of a row (the last
// group may be shorter) become int8 values and one f32 scale. This rule is the definition; kernels must give the same
// bits.
namespace concord::packing {

inline constexpr int64_t kInt8Group = 32;        // of "int8/32"
inline constexpr int64_t kInt8BlockGroup = 256;  // of "int8/256"

// The elements a scale; 0 where the arithmetic leaves x as it is.
inline int64_t Int8GroupOf(std::string_view arithmetic) {
  return arithmetic == "int8/32" ? kInt8Group : arithmetic == "int8/256" ? kInt8BlockGroup : 0;
}

// What is worth asking for beside f32 for weights of this packing, the best first: int8 where elements come in blocks,
// with the coarse scales of x only beside blocks as long, whose codes of up to 6 bits are about as coarse; and the own
// type of halves.
inline std::vector<const char*> FastArithmetics(const Packing& packing) {
  const std::string_view name = packing.name;
  if (packing.block_elems == kInt8BlockGroup) return {"int8/256", "int8/32"};
  if (packing.block_elems > 1) return {"int8/32"};
  if (name == "f16" || name == "bf16") return {packing.name};
  return {};
}

// Rounds one group: q[i] = round-half-even(x[i] · (127 / max|x|)), scale = max|x| / 127, all in f32.
// A group of zeros has scale 0. Inputs must be finite.
inline float RoundInt8Group(const float* x, int64_t count, int8_t* q) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i) largest = std::fmax(largest, std::fabs(x[i]));
  const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
  for (int64_t i = 0; i < count; ++i) q[i] = static_cast<int8_t>(std::nearbyint(x[i] * inverse));
  return largest / 127.0f;
}

// Replaces x[0, n) by what the arithmetic makes of it: scale · q, of `group` elements each.
inline void RoundToInt8Rows(float* x, int64_t n, int64_t group) {
  std::vector<int8_t> q(group);
  for (int64_t i = 0; i < n; i += group) {
    const int64_t count = std::min(group, n - i);
    const float scale = RoundInt8Group(x + i, count, q.data());
    for (int64_t j = 0; j < count; ++j) x[i + j] = scale * static_cast<float>(q[j]);
  }
}

}  // namespace concord::packing
