#pragma once

#include <type_traits>

#include "kernels/cpu/impl/tile_rows.h"
#include "kernels/cpu/quantized_rows.h"

namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// Whether x has one scale for a block of W, of 256, whose parts have scales of their own ("int8/256"); else both have
// one for 32 elements ("int8/32").
template <typename F>
constexpr bool kBlockScale = F::kBlockElems == 256;
template <typename F>
using RowsFor = std::conditional_t<kBlockScale<F>, RowsOf256, RowsOf32>;

// One row of x in int8, from some element on: q an element, scale a group of x, the others a group of the format.
struct TokenRow {
  const int8_t* q;
  const float* scale;
  const int32_t* neg_sum;
  const void* sums;  // scaled ones of "int8/32", whole ones of "int8/256"

  CONCORD_INLINE_MEMBER float ScaledSum(int64_t group) const { return static_cast<const float*>(sums)[group]; }
  CONCORD_INLINE_MEMBER const int16_t* Sums(int64_t group) const { return static_cast<const int16_t*>(sums) + group; }
};
// Several are indexed in the innermost loops, which took a sixth longer with 40 bytes.
static_assert(sizeof(TokenRow) == 32);

template <typename F>
CONCORD_INLINE TokenRow RowAt(const LinearTile& tile, int64_t m, int64_t k0) {
  using Rows = RowsFor<F>;
  const uint8_t* record = RowOfX(tile, m);
  const int64_t group = k0 / F::kGroup, k = tile.k;
  int64_t neg_sum = 0, sums = 0;
  if constexpr (F::kGroup == 16) {
    neg_sum = Rows::NegSum16(k) + 4 * group, sums = Rows::Sum16(k) + 2 * group;
  } else if constexpr (kBlockScale<F>) {
    neg_sum = Rows::NegSum(k) + 4 * group, sums = Rows::Sum(k) + 2 * group;
  } else {
    neg_sum = Rows::NegSum(k) + 4 * group, sums = Rows::ScaledSum(k) + 4 * group;
  }
  return {reinterpret_cast<const int8_t*>(record + k0),
          reinterpret_cast<const float*>(record + Rows::Scale(k)) + k0 / Rows::kGroup,
          reinterpret_cast<const int32_t*>(record + neg_sum), record + sums};
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
