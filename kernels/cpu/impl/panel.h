#pragma once

#include "kernels/cpu/impl/simd.h"

// The form in which both paths of the arithmetics of int8 (matrix-vector and matrix-matrix) meet weights: 16 rows of W
// by a chunk of k, decoded into scratch that stays in L1. Lane = row, so no sum crosses lanes, and one activation that
// is broadcast feeds 16 rows.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

constexpr int64_t kPanelRows = 16;
// Elements of k a chunk: two panels of it are 13 KiB with their scales and minima, less than half of a 32 KiB L1, which
// leaves room for six rows of activations. A multiple of every block size.
constexpr int64_t kChunk = 256;

struct Panel {
  alignas(64) uint8_t q[kChunk / 4][kPanelRows][4];          // element 4i + b of row r at [i][r][b]
  alignas(64) float scale[kChunk / 32][kPanelRows];          // a group; of blocks of 256 [0], what scale_codes multiply
  alignas(64) int32_t scale_codes[kChunk / 16][kPanelRows];  // a group of a block of 256
  // Of formats with a minimum: of a group, or of a block of 256 what min_codes[i], of groups 2 i and 2 i + 1, multiply.
  alignas(64) float neg_min[kChunk / 32][kPanelRows];
  alignas(64) int16_t min_codes[kChunk / 32][kPanelRows][2];
};

// Where the machine has no product of unsigned with signed bytes (Arm without i8mm), or one that overflows (AVX2), the
// codes lie in a panel without their offset, as signed bytes: u - 2^kOffsetShift, or u itself, which is below 64 in
// formats without an offset. The integer sums are the same numbers, so the bits of the results are.
#if (defined(CONCORD_ISA_NEON) && !defined(__ARM_FEATURE_MATMUL_INT8)) || defined(CONCORD_ISA_HALVES)
constexpr bool kSignedCodes = true;
#else
constexpr bool kSignedCodes = false;
#endif

// What a packing is to these arithmetics: element = scale * (u - 2^kOffsetShift) - min, u an unsigned byte, scale and
// min one a group. In blocks of 256 these are scale_codes * scale and min_codes * min.
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
  float scale;
  float min;
  int32_t scale_codes[16];  // of blocks of 256, as the next
  int16_t min_codes[16];    // zeros behind the last
};

// 32 codes of each of 16 rows, `stride` bytes apart, less `offset`, to eight fours of a panel.
CONCORD_INLINE void PutFours(const uint8_t* codes, int64_t stride, uint8_t offset, uint8_t (*out)[kPanelRows][4]) {
#if defined(CONCORD_ISA_HALVES)
  const __m256i less = _mm256_set1_epi8(static_cast<char>(offset));
  for (int64_t half = 0; half < 2; ++half, codes += 8 * stride) {
    __m256 v[8], t[8];
    CONCORD_UNROLL for (int r = 0; r < 8; ++r) {
      v[r] = (__m256)_mm256_sub_epi8(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + r * stride)), less);
    }
    CONCORD_UNROLL for (int r = 0; r < 8; r += 2) {
      t[r] = _mm256_unpacklo_ps(v[r], v[r + 1]);
      t[r + 1] = _mm256_unpackhi_ps(v[r], v[r + 1]);
    }
    CONCORD_UNROLL for (int r = 0; r < 8; r += 4) {
      CONCORD_UNROLL for (int i = 0; i < 2; ++i) {
        v[r + 2 * i] = _mm256_shuffle_ps(t[r + i], t[r + i + 2], 0x44);
        v[r + 2 * i + 1] = _mm256_shuffle_ps(t[r + i], t[r + i + 2], 0xee);
      }
    }
    CONCORD_UNROLL for (int w = 0; w < 4; ++w) {
      _mm256_storeu_ps(reinterpret_cast<float*>(out[w][8 * half]), _mm256_permute2f128_ps(v[w], v[w + 4], 0x20));
      _mm256_storeu_ps(reinterpret_cast<float*>(out[w + 4][8 * half]), _mm256_permute2f128_ps(v[w], v[w + 4], 0x31));
    }
  }
#else
  for (int64_t r = 0; r < kPanelRows; ++r, codes += stride) {
    uint8_t row[32];
    for (int i = 0; i < 32; ++i) row[i] = static_cast<uint8_t>(codes[i] - offset);
    for (int w = 0; w < 8; ++w) __builtin_memcpy(out[w][r], row + 4 * w, 4);
  }
#endif
}

// Four bytes of each of 8 groups of 16 blocks, turned like the codes.
CONCORD_INLINE void PutGroups(const void* values, void* out) {
  PutFours(static_cast<const uint8_t*>(values), sizeof(UnpackedBlock), 0, static_cast<uint8_t(*)[kPanelRows][4]>(out));
}

// Decodes blocks [first, first + count) of 16 rows: the definition, for formats and machines without a faster one.
template <typename F>
CONCORD_INLINE void DecodePanelByBlocks(const uint8_t* const* rows, int64_t first, int64_t count, Panel* panel) {
  constexpr int kGroups = F::kBlockElems / F::kGroup;
  constexpr uint8_t kOffset = kSignedCodes && F::kOffsetShift >= 0 ? 1u << (F::kOffsetShift & 7) : 0;
  for (int64_t b = 0; b < count; ++b) {
    UnpackedBlock blocks[kPanelRows];
    for (int64_t r = 0; r < kPanelRows; ++r) {
      F::Unpack(rows[r] + (first + b) * F::kBlockBytes, &blocks[r]);
    }
    for (int64_t r = 0; r < kPanelRows; ++r) {
      panel->scale[b][r] = blocks[r].scale;
      if (F::kHasMin) panel->neg_min[b][r] = -blocks[r].min;
    }
    if constexpr (F::kBlockElems == 256) {
      for (int g = 0; g < kGroups; g += 8) PutGroups(blocks[0].scale_codes + g, panel->scale_codes[g]);
      if (F::kHasMin) PutGroups(blocks[0].min_codes, panel->min_codes);
    }
    for (int64_t i = 0; i < F::kBlockElems; i += 32) {
      PutFours(blocks[0].u + i, sizeof(UnpackedBlock), kOffset, panel->q + (b * F::kBlockElems + i) / 4);
    }
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
