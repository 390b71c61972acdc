#pragma once

#include "kernels/cpu/impl/tile_rows.h"
#include "kernels/cpu/quantized_rows.h"

namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// One row of x of the arithmetic "int8/32", from some element on: q an element, the others a group of the format.
struct TokenRow {
  const int8_t* q;
  const float* scale;
  const float* scaled_sum;
  const int32_t* neg_sum;
};

template <typename F>
CONCORD_INLINE TokenRow RowAt(const LinearTile& tile, int64_t m, int64_t k0) {
  constexpr bool kSixteen = F::kGroup == 16;
  const uint8_t* record = RowOfX(tile, m);
  const int64_t sum_at = (kSixteen ? ScaledSum16Offset(tile.k) : ScaledSumOffset(tile.k)) + k0 / F::kGroup * 4;
  const int64_t neg_at = (kSixteen ? NegSum16Offset(tile.k) : NegSumOffset(tile.k)) + k0 / F::kGroup * 4;
  return {reinterpret_cast<const int8_t*>(record + k0),
          reinterpret_cast<const float*>(record + ScaleOffset(tile.k) + k0 / 32 * 4),
          reinterpret_cast<const float*>(record + sum_at), reinterpret_cast<const int32_t*>(record + neg_at)};
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
