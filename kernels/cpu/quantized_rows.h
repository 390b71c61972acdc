#pragma once

#include <cstdint>

namespace concord::kernels {

// A row of k activations (k a multiple of 32) in the arithmetic "int8/32", as one record:
//   int8  q[k]              round_to_even(x / scale), in -127..127
//   f32   scale[k/32]       max|x| / 127 over the 32; NaN when one of them is not finite (then q is 0), so that the
//                           results say so too; 0 below 1e-30
//   f32   scaled_sum[k/32]  scale * sum(q), for weights with a minimum
//   f32   scaled_sum16[k/16] scale * sum of 16 q, for weights with a minimum every 16
//   int32 neg_sum[k/32]     -sum(q) \ for weights kept as unsigned bytes with an offset:
//   int32 neg_sum16[k/16]   -sum of 16 q / sum((u - offset) q) = sum(u q) + offset * neg_sum
// Rows are QuantizedRowBytes(k) apart: an odd number of cache lines, so that the rows of a tile do not fall into the
// same cache sets.
constexpr int64_t kQuantGroup = 32;

constexpr int64_t ScaleOffset(int64_t k) { return k; }
constexpr int64_t ScaledSumOffset(int64_t k) { return ScaleOffset(k) + k / 32 * 4; }
constexpr int64_t ScaledSum16Offset(int64_t k) { return ScaledSumOffset(k) + k / 32 * 4; }
constexpr int64_t NegSumOffset(int64_t k) { return ScaledSum16Offset(k) + k / 16 * 4; }
constexpr int64_t NegSum16Offset(int64_t k) { return NegSumOffset(k) + k / 32 * 4; }
constexpr int64_t QuantizedRowBytes(int64_t k) { return ((NegSum16Offset(k) + k / 16 * 4 + 63) / 64 | 1) * 64; }

}  // namespace concord::kernels
