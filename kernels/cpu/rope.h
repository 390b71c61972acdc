#pragma once

#include <cstdint>

namespace concord::kernels {

// Rotates dims [first_dim, first_dim + n_rot) of every head; the others are copied. `table` is what rope_table wrote
// for these tokens: per token n_rot/2 cosines, then n_rot/2 sines, already times the attention factor.
struct RopeArgs {
  const float* x = nullptr;  // [n_tokens, n_heads, d_head], tokens x_stride floats apart
  int64_t x_stride = 0;
  float* y = nullptr;  // may be x
  int64_t y_stride = 0;
  int64_t n_tokens = 0;
  int64_t n_heads = 0;
  int64_t d_head = 0;
  int64_t n_rot = 0;  // even
  int64_t first_dim = 0;
  bool neox = false;  // pairs (i, i + n_rot/2) instead of (2i, 2i + 1)
  const float* table = nullptr;
};

// out[t, i] = cos(a) * attn_factor and out[t, n_pairs + i] = sin(a) * attn_factor for a = positions[t] * inv_freq[i],
// computed in double: right to f32 rounding for |a| up to 1e7.
struct RopeTableArgs {
  const int32_t* positions = nullptr;
  int64_t n_tokens = 0;
  const float* inv_freq = nullptr;  // [n_pairs]
  int64_t n_pairs = 0;
  float attn_factor = 1.0f;
  float* out = nullptr;  // [n_tokens, 2 * n_pairs]
};

}  // namespace concord::kernels
