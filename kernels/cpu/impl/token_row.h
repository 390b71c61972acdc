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

// Where the parts of a record are from element k0 on, in bytes: the same of all rows of x.
struct RowParts {
  int64_t q, scale, neg_sum, sums;
};
template <typename F>
CONCORD_INLINE RowParts PartsAt(int64_t k, int64_t k0) {
  using Rows = RowsFor<F>;
  const int64_t group = k0 / F::kGroup, scale = Rows::Scale(k) + k0 / Rows::kGroup * 4;
  if constexpr (F::kGroup == 16) return {k0, scale, Rows::NegSum16(k) + 4 * group, Rows::Sum16(k) + 2 * group};
  if constexpr (kBlockScale<F>) {
    return {k0, scale, Rows::NegSum(k) + 4 * group, Rows::Sum(k) + 2 * group};
  } else {
    return {k0, scale, Rows::NegSum(k) + 4 * group, Rows::ScaledSum(k) + 4 * group};
  }
}

CONCORD_INLINE TokenRow RowOf(const uint8_t* record, const RowParts& at) {
  return {reinterpret_cast<const int8_t*>(record + at.q), reinterpret_cast<const float*>(record + at.scale),
          reinterpret_cast<const int32_t*>(record + at.neg_sum), record + at.sums};
}

template <typename F>
CONCORD_INLINE TokenRow RowAt(const LinearTile& tile, int64_t m, int64_t k0) {
  return RowOf(RowOfX(tile, m), PartsAt<F>(tile.k, k0));
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
