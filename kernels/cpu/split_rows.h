#pragma once

#include <cstdint>

namespace concord::kernels {

// A row of k activations (k a multiple of 32) in the arithmetics "bf16" and "f16", as one record of two bf16 parts
// whose sum has 16 of the 24 bits of x:
//   bf16 high[k]  x cut off after 8 bits; NaN stays NaN
//   bf16 low[k]   the rest of x, rounded to nearest even; 0 where x is not finite
// Rows are SplitRowBytes(k) apart: an odd number of cache lines, as those of quantized_rows.h.
constexpr int64_t SplitLowOffset(int64_t k) { return 2 * k; }
constexpr int64_t SplitRowBytes(int64_t k) { return ((4 * k + 63) / 64 | 1) * 64; }

}  // namespace concord::kernels
