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

inline constexpr int kLeastInt8Exponent =
    -90;  // of the largest of 32: products with scales that are halves stay normal

// Rounds one group of "int8/32" or "int8/256", count elements: q[i] = round-half-even(x[i] / scale), at most 127 in
// magnitude. Inputs must be finite.
//   int8/32   scale = 2^(floor(log2(max|x|)) - 6), at least 2^-96: the block format MXINT8 (OCP Microscaling Formats
//             1.0, 6.3). Division by a power of two and its product with a scale of a weight are exact, so that the
//             result is the same on every device, and a multiplication may be an addition of exponents.
//   int8/256  scale = max|x| / 127, and 127 / max|x| by multiplication, in f32; of zeros 0.
inline float RoundInt8Group(const float* x, int64_t count, int64_t group, int8_t* q) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i) largest = std::fmax(largest, std::fabs(x[i]));
  float scale = largest / 127.0f, inverse = largest > 0 ? 127.0f / largest : 0.0f;
  if (group == kInt8Group) {
    const int exponent = std::max(std::ilogb(largest), kLeastInt8Exponent) - 6;  // of 0 it is the least int
    scale = std::ldexp(1.0f, exponent), inverse = std::ldexp(1.0f, -exponent);
  }
  for (int64_t i = 0; i < count; ++i) {
    q[i] = static_cast<int8_t>(std::clamp(std::nearbyint(x[i] * inverse), -127.0f, 127.0f));
  }
  return scale;
}

// Replaces x[0, n) by what the arithmetic makes of it: scale · q, of `group` elements each.
inline void RoundToInt8Rows(float* x, int64_t n, int64_t group) {
  std::vector<int8_t> q(group);
  for (int64_t i = 0; i < n; i += group) {
    const int64_t count = std::min(group, n - i);
    const float scale = RoundInt8Group(x + i, count, group, q.data());
    for (int64_t j = 0; j < count; ++j) x[i + j] = scale * static_cast<float>(q[j]);
  }
}

}  // namespace concord::packing
