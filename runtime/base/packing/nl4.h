#pragma once

#include <cstdint>

// The 16 levels of iq4_nl and iq4_xs: denser near zero, where most weights are.
namespace concord::packing {

inline constexpr int8_t kNl4[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// The code of the level nearest to `value`.
inline int NearestNl4(float value) {
  int code = 0;
  for (int i = 0; i < 15; ++i) code += value > 0.5f * static_cast<float>(kNl4[i] + kNl4[i + 1]) ? 1 : 0;
  return code;
}

}  // namespace concord::packing
