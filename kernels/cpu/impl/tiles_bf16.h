#pragma once

#include "kernels/cpu/impl/linear_int8.h"
#include "kernels/cpu/impl/split_rows.h"
#include "kernels/cpu/impl/tiles.h"

// What both shapes of linear_bf16.h share: the parts of x and W that are multiplied, and the order of the sums.
//
// An instruction (TDPBF16PS, Intel SDM) adds 32 products to each of 16 x 16 sums: those of even and of odd k by
// themselves, one after the other and each fused, then one sum to the other, and that to the sum so far. Subnormal
// numbers count as 0. Which operand is x and which is W makes no difference.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

constexpr int64_t kStep = 32;  // elements of k an instruction
constexpr int64_t kTile = 16;  // rows of x or W

// bf16 weights are one part, f16 weights two. Products, in this order: W's high part with both parts of x, W's low part
// with the high part of x. What is left out is 2^-16 of the product.

// Elements [begin, begin + n) of a row of W, n a multiple of 32: part p goes to out + p * part_stride. The 11 bits of
// an f16 are 8 and 3, so both parts are exact; of infinity the second is NaN, which shows as well.
template <bool kIsF16>
CONCORD_INLINE void PartsOfWeights(const uint8_t* row, int64_t begin, int64_t n, uint16_t* out, int64_t part_stride) {
  if (!kIsF16) {
    __builtin_memcpy(out, row + 2 * begin, static_cast<size_t>(2 * n));
    return;
  }
  const __m512i high_words = (__m512i)(Iota() * SetI(0x40004) + SetI(0x30001));  // words 1, 3, ..., 63 of two registers
  for (int64_t i = 0; i < n; i += 2 * kLanes) {
    VecF x[2], rest[2];
    CONCORD_UNROLL for (int h = 0; h < 2; ++h) {
      x[h] = FromF16(LoadAs<VecH>(row + 2 * (begin + i + h * kLanes)));
      rest[h] = x[h] - (VecF)((VecU)x[h] & SetU(0xffff0000u));
    }
    const auto put = [&](const VecF* v, uint16_t* to) {
      _mm512_storeu_si512(to, _mm512_permutex2var_epi16((__m512i)v[0], high_words, (__m512i)v[1]));
    };
    put(x, out + i);
    put(rest, out + part_stride + i);
  }
}

// Pairs of k as the instruction wants them of its second operand: [k / 2][16 rows][2], from 16 rows of bf16. Pairs from
// `first` on, a multiple of 4 of them.
CONCORD_INLINE void InterleavePairs(const uint8_t* const* rows, int64_t offset_bytes, int64_t pairs,
                                    uint16_t (*out)[kTile][2]) {
  for (int64_t i = 0; i < pairs; i += 4) {
    const Dwords4 columns = LoadColumns(rows, offset_bytes + 4 * i);
    CONCORD_UNROLL for (int j = 0; j < 4; ++j) _mm512_store_si512(out[i + j], columns.v[j]);
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
