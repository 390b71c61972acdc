#pragma once

#include "kernels/cpu/impl/simd.h"
#include "kernels/cpu/linear.h"

// Where rows of x and of y of a tile of linear lie, by number where it has numbers.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

CONCORD_INLINE const uint8_t* RowOfX(const LinearTile& tile, int64_t m) {
  return static_cast<const uint8_t*>(tile.x) + (tile.x_rows == nullptr ? m : tile.x_rows[m]) * tile.x_stride_bytes;
}
CONCORD_INLINE float* RowOfY(const LinearTile& tile, int64_t m) {
  return tile.y + (tile.y_rows == nullptr ? m : tile.y_rows[m]) * tile.y_stride;
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
