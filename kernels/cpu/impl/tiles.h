#pragma once

#include "kernels/cpu/impl/simd.h"

// The tile unit (AMX): eight registers of up to 16 rows of 64 bytes. Their numbers are part of the instructions, so
// they must stand in the source; which has what is the same everywhere: 0 to 3 sums, 4 and 5 first operands, 6 and 7
// second ones (5 as well where both have one shape). They are configured for a call and released at its end, so that a
// thread elsewhere carries no state of theirs.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// To be called between writing what tiles are loaded from and loading it: the intrinsics of gcc 12 do not tell the
// compiler that they read memory.
CONCORD_INLINE void OperandsWritten() { __asm__ volatile("" ::: "memory"); }

struct TileShape {
  int64_t rows, row_bytes;
};

CONCORD_INLINE void ConfigureTiles(TileShape sums, TileShape first, TileShape second) {
  struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } config = {};
  config.palette = 1;
  for (int i = 0; i < 8; ++i) {
    const TileShape shape = i < 4 ? sums : i < 6 ? first : second;
    config.row_bytes[i] = static_cast<uint16_t>(shape.row_bytes);
    config.rows[i] = static_cast<uint8_t>(shape.rows);
  }
  __asm__ volatile("" ::"r"(&config) : "memory");
  _tile_loadconfig(&config);
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
