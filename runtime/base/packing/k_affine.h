#pragma once

#include <cmath>
#include <cstdint>

#include "fit.h"
#include "half.h"

// What q4_k and q5_k share: a Block that begins with d, dmin and scales, 256 elements in 8 sub-blocks of 32, each with
// a 6-bit scale and a 6-bit minimum packed into 12 bytes, and the search for them.
namespace concord::packing {

// Scale and minimum of sub-block s of 0..7. Sub-blocks 0-3 have theirs in the low 6 bits of scales[s] and scales[s +
// 4]; of sub-blocks 4-7 the low 4 bits are the nibbles of scales[s + 4], the high 2 the top bits of scales[s - 4] and
// scales[s].
inline void UnpackScaleMin(const uint8_t scales[12], int s, int* scale, int* minimum) {
  if (s < 4) {
    *scale = scales[s] & 63;
    *minimum = scales[s + 4] & 63;
  } else {
    *scale = (scales[s + 4] & 15) | (scales[s - 4] >> 6) << 4;
    *minimum = scales[s + 4] >> 4 | (scales[s] >> 6) << 4;
  }
}

// The inverse for all 8 sub-blocks; values of 0..63.
inline void PackScaleMins(const uint8_t scale[8], const uint8_t minimum[8], uint8_t scales[12]) {
  for (int s = 0; s < 4; ++s) {
    scales[s] = static_cast<uint8_t>(scale[s] | (scale[s + 4] >> 4) << 6);
    scales[s + 4] = static_cast<uint8_t>(minimum[s] | (minimum[s + 4] >> 4) << 6);
    scales[s + 8] = static_cast<uint8_t>((scale[s + 4] & 15) | (minimum[s + 4] & 15) << 4);
  }
}

// A super-block before its bits are packed: x ~ d scale q - dmin minimum.
struct AffineSuperBlock {
  uint16_t d = 0;     // half
  uint16_t dmin = 0;  // half
  uint8_t scale[8] = {};
  uint8_t minimum[8] = {};
  uint8_t q[256] = {};
};

// Chooses the 6-bit scale and minimum of sub-block s near `fit`, given d and dmin. The two were fitted together, so
// rounding each alone is not best: all neighbours are tried.
inline void RoundAffine(const float* x, const float* weights, int top, AffineFit fit, int s, AffineSuperBlock* block) {
  const float d = F16ToF32(block->d);
  const float dmin = F16ToF32(block->dmin);
  const int scale = d > 0 ? NearestIn(fit.scale / d, 0, 63) : 0;
  const int minimum = dmin > 0 ? NearestIn(fit.minimum / dmin, 0, 63) : 0;
  float best_error = -1;
  for (int neighbour = 0; neighbour < 9; ++neighbour) {
    const int trial_scale = scale + neighbour / 3 - 1;
    const int trial_minimum = minimum + neighbour % 3 - 1;
    if (trial_scale < 0 || trial_scale > 63 || trial_minimum < 0 || trial_minimum > 63) continue;
    uint8_t q[32];
    const AffineFit trial = {d * static_cast<float>(trial_scale), dmin * static_cast<float>(trial_minimum)};
    const float error = QuantizeAffine(x, weights, 32, top, trial, q);
    if (best_error >= 0 && error >= best_error) continue;
    best_error = error;
    block->scale[s] = static_cast<uint8_t>(trial_scale);
    block->minimum[s] = static_cast<uint8_t>(trial_minimum);
    for (int i = 0; i < 32; ++i) block->q[32 * s + i] = q[i];
  }
}

// Quantises 256 finite values to q of 0..top; false when they are too large for half scales. `block` starts as zeros.
inline bool EncodeAffine(const float* x, int top, AffineSuperBlock* block) {
  const float magnitude = std::fabs(SignedExtreme(x, 256));
  if (magnitude > kLargestEncodable) return false;
  if (magnitude < kSmallestEncodable) return true;
  float weights[256];
  ErrorWeights(x, 256, magnitude, weights);
  AffineFit fits[8];
  float largest_scale = 0;
  float largest_minimum = 0;
  for (int s = 0; s < 8; ++s) {
    fits[s] = FitAffine(x + 32 * s, weights + 32 * s, 32, top, magnitude * kNegligible);
    largest_scale = std::fmax(largest_scale, fits[s].scale);
    largest_minimum = std::fmax(largest_minimum, fits[s].minimum);
  }
  block->d = F32ToF16Away(largest_scale / 63);
  block->dmin = F32ToF16Away(largest_minimum / 63);
  if (!IsFiniteF16(block->d) || !IsFiniteF16(block->dmin)) return false;
  for (int s = 0; s < 8; ++s) RoundAffine(x + 32 * s, weights + 32 * s, top, fits[s], s, block);
  return true;
}

// y = d scale q - dmin minimum; `q(s, l)` reads the bits of element l of sub-block s.
template <typename Block, typename ReadQ>
void DecodeAffine(const Block& block, ReadQ q, float* out) {
  const float d = F16ToF32(block.d);
  const float dmin = F16ToF32(block.dmin);
  for (int s = 0; s < 8; ++s) {
    int scale = 0;
    int minimum = 0;
    UnpackScaleMin(block.scales, s, &scale, &minimum);
    const float factor = d * static_cast<float>(scale);
    const float offset = dmin * static_cast<float>(minimum);
    for (int l = 0; l < 32; ++l) out[32 * s + l] = factor * static_cast<float>(q(s, l)) - offset;
  }
}

// Writes scales, minima and the low 4 bits of every element, in qs.
template <typename Block>
void PackAffine(const AffineSuperBlock& found, Block* block) {
  block->d = found.d;
  block->dmin = found.dmin;
  PackScaleMins(found.scale, found.minimum, block->scales);
  for (int i = 0; i < 128; ++i) {
    const uint8_t* q = found.q + i / 32 * 64 + i % 32;
    block->qs[i] = static_cast<uint8_t>((q[0] & 15) | (q[32] & 15) << 4);
  }
}

}  // namespace concord::packing
