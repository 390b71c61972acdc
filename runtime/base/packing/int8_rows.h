#pragma once

#include <cmath>
#include <cstdint>

// The activation side of the arithmetic "int8/32": every 32 consecutive elements of a row (the last group may be
// shorter) become int8 values and one f32 scale. This rule is the definition; kernels must give the same bits.
namespace concord::packing {

inline constexpr int64_t kInt8Group = 32;

// Rounds one group: q[i] = round-half-even(x[i] · (127 / max|x|)), scale = max|x| / 127, all in f32.
// A group of zeros has scale 0. Inputs must be finite.
inline float RoundInt8Group(const float* x, int64_t count, int8_t* q) {
  float largest = 0;
  for (int64_t i = 0; i < count; ++i) largest = std::fmax(largest, std::fabs(x[i]));
  const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
  for (int64_t i = 0; i < count; ++i) q[i] = static_cast<int8_t>(std::nearbyint(x[i] * inverse));
  return largest / 127.0f;
}

// Replaces x[0, n) by what the arithmetic makes of it: scale · q.
inline void RoundToInt8Rows(float* x, int64_t n) {
  int8_t q[kInt8Group];
  for (int64_t i = 0; i < n; i += kInt8Group) {
    const int64_t count = n - i < kInt8Group ? n - i : kInt8Group;
    const float scale = RoundInt8Group(x + i, count, q);
    for (int64_t j = 0; j < count; ++j) x[i + j] = scale * static_cast<float>(q[j]);
  }
}

}  // namespace concord::packing
