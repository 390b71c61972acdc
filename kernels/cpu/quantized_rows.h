#pragma once

#include <cstdint>

namespace concord::kernels {

// A row of k activations in an arithmetic of int8, as one record. For both: q = round_to_even(x / scale), in -127..127;
// scale = max|x| / 127 over a group, NaN when one of it is not finite (then q is 0), so that the results say so too, 0
// below 1e-30. What follows are sums of q, for weights with a minimum, and (negative) for weights kept as unsigned
// bytes with an offset: sum((u - offset) q) = sum(u q) + offset * neg_sum. Records are Bytes(k) apart: an odd number of
// cache lines, so that the rows of a tile do not fall into the same cache sets.

constexpr int64_t OddLines(int64_t bytes) { return ((bytes + 63) / 64 | 1) * 64; }

// "int8/32", for weights in blocks of 32; k is a multiple of 32.
//   int8  q[k]
//   f32   scale[k/32]
//   f32   scaled_sum[k/32]   scale * sum(q)
//   int32 neg_sum[k/32]
struct RowsOf32 {
  static constexpr int64_t kGroup = 32;
  static constexpr int64_t Scale(int64_t k) { return k; }
  static constexpr int64_t ScaledSum(int64_t k) { return Scale(k) + k / 32 * 4; }
  static constexpr int64_t NegSum(int64_t k) { return ScaledSum(k) + k / 32 * 4; }
  static constexpr int64_t Bytes(int64_t k) { return OddLines(NegSum(k) + k / 32 * 4); }
};

// "int8/256", for weights in blocks of 256, whose parts have multiples of a minimum; k is a multiple of 256.
//   int8  q[k]
//   f32   scale[k/256]
//   int32 neg_sum[k/32], neg_sum16[k/16]   of 32 and of 16 elements
//   int16 sum[k/32], sum16[k/16]
struct RowsOf256 {
  static constexpr int64_t kGroup = 256;
  static constexpr int64_t Scale(int64_t k) { return k; }
  static constexpr int64_t NegSum(int64_t k) { return Scale(k) + k / 256 * 4; }
  static constexpr int64_t NegSum16(int64_t k) { return NegSum(k) + k / 32 * 4; }
  static constexpr int64_t Sum(int64_t k) { return NegSum16(k) + k / 16 * 4; }
  static constexpr int64_t Sum16(int64_t k) { return Sum(k) + k / 32 * 2; }
  static constexpr int64_t Bytes(int64_t k) { return OddLines(Sum16(k) + k / 16 * 2); }
};

}  // namespace concord::kernels
