#pragma once

#include "kernels/cpu/impl/simd.h"

// The form in which both paths of the arithmetic "int8/32" (matrix-vector and matrix-matrix) meet weights: 16 rows of W
// by a chunk of k, decoded into scratch that stays in L1. Lane = row, so no sum crosses lanes, and one activation that
// is broadcast feeds 16 rows.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

constexpr int64_t kPanelRows = 16;
// Elements of k a chunk: two panels of it are 32 KiB with their scales below 16 KiB at 256, half of a 32 KiB L1, which
// leaves room for six rows of activations. A multiple of every block size.
constexpr int64_t kChunk = 256;

struct Panel {
  alignas(64) uint8_t q[kChunk / 4][kPanelRows][4];    // element 4i + b of row r at [i][r][b]
  alignas(64) float scale[kChunk / 16][kPanelRows];    // a group
  alignas(64) float neg_min[kChunk / 16][kPanelRows];  // a group, of formats with a minimum
};

// Where the machine has no product of unsigned with signed bytes (Arm without i8mm), the codes lie in a panel without
// their offset, as signed bytes: u - 2^kOffsetShift, or u itself, which is below 64 in formats without an offset. The
// integer sums are the same numbers, so the bits of the results are.
#if defined(CONCORD_ISA_NEON) && !defined(__ARM_FEATURE_MATMUL_INT8)
constexpr bool kSignedCodes = true;
#else
constexpr bool kSignedCodes = false;
#endif

// What a packing is to this arithmetic: element = scale * (u - 2^kOffsetShift) - min, u an unsigned byte, scale and min
// one a group.
template <int kElems, int kBytes, int kGroupElems, int kShift, bool kMin>
struct Format {
  static constexpr int kBlockElems = kElems;
  static constexpr int kBlockBytes = kBytes;
  static constexpr int kGroup = kGroupElems;
  static constexpr int kOffsetShift = kShift;  // -1: no offset
  static constexpr bool kHasMin = kMin;
};

// One block of one row, by the formulas of the format: u[kBlockElems], and a value a group.
struct UnpackedBlock {
  uint8_t u[256];
  float scale[16];
  float min[16];
};

// Decodes blocks [first, first + count) of 16 rows: the definition, for formats and machines without a faster one.
template <typename F>
CONCORD_INLINE void DecodePanelByBlocks(const uint8_t* const* rows, int64_t first, int64_t count, Panel* panel) {
  constexpr int kGroups = F::kBlockElems / F::kGroup;
  for (int64_t r = 0; r < kPanelRows; ++r) {
    for (int64_t b = 0; b < count; ++b) {
      UnpackedBlock block;
      F::Unpack(rows[r] + (first + b) * F::kBlockBytes, &block);
      if constexpr (kSignedCodes && F::kOffsetShift >= 0) {
        for (int i = 0; i < F::kBlockElems; ++i) block.u[i] = static_cast<uint8_t>(block.u[i] - (1 << F::kOffsetShift));
      }
      for (int i = 0; i < F::kBlockElems / 4; ++i) {
        __builtin_memcpy(panel->q[b * (F::kBlockElems / 4) + i][r], block.u + 4 * i, 4);
      }
      for (int g = 0; g < kGroups; ++g) {
        panel->scale[b * kGroups + g][r] = block.scale[g];
        if (F::kHasMin) panel->neg_min[b * kGroups + g][r] = -block.min[g];
      }
    }
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
