#pragma once

#include "kernels/cpu/impl/four_rows_formats_avx512.h"

// linear in int8, one row of x by four rows of W at a time.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// Rows whose last chunk is none are read from a copy of it.
constexpr int64_t kChunkBytes = 320;  // of 256 elements, at most 34 for 32

struct RowScratch {
  alignas(64) uint8_t last[4][kChunkBytes];
  alignas(64) int8_t x[64];  // [k] in the format's order, zeros up to whole chunks
};

CONCORD_INLINE int64_t RowScratchBytes(int64_t k) { return static_cast<int64_t>(sizeof(RowScratch)) + k + kChunk; }

template <typename F>
CONCORD_INLINE void OrderX(const int8_t* q, int64_t k, int8_t* out) {
  for (int64_t at = 0; at < k; at += kChunk) {
    if (at + kChunk > k) __builtin_memset(out + at, 0, kChunk);
    CONCORD_UNROLL for (int i = 0; i < 16; ++i) {
      const int64_t from = at + PieceOf(kOrder<F>, i) * 16;
      if (from < k) __builtin_memcpy(out + at + 16 * i, q + from, 16);
    }
  }
}

// A value of each of `count` groups from g on, to the lanes of result v. Nothing beyond them is read.
template <Order kOf>
CONCORD_INLINE __m512i ToLanes(const void* values, int64_t g, int count, int v) {
  alignas(64) int32_t lane[16];
  CONCORD_UNROLL for (int i = 0; i < 16; ++i) lane[i] = GroupOf(kOf, v, i / 4);
  const auto there = static_cast<__mmask16>((1u << count) - 1u);
  const __m512i all = _mm512_maskz_loadu_epi32(there, static_cast<const int32_t*>(values) + g);
  return _mm512_permutexvar_epi32(_mm512_load_si512(lane), all);
}

// "int8/256": adds a block's minima and multiplies with the scale of x.
template <typename F>
CONCORD_INLINE __m128 FinishBlock(const FourRows<F>& rows, const TokenRow& x, int64_t g, __m128 sums, __m128 acc) {
  if constexpr (F::kHasMin) {
    const __m512i by_pair = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    __m512i mins = {};
    CONCORD_UNROLL for (int h = 0; h < kChunk / F::kGroup / 8; ++h) {
      const __m512i x_sums = _mm512_permutexvar_epi32(by_pair, _mm512_castsi128_si512(Load128(x.Sums(g + 8 * h))));
      mins = AddDotWords(mins, rows.min_codes[h], x_sums);
    }
    const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(mins), _mm512_extracti64x4_epi64(mins, 1));
    const __m128i all = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    sums = _mm_fmadd_ps(_mm_cvtepi32_ps(all), _mm512_castps512_ps128(rows.neg_min[0]), sums);
  }
  return _mm_fmadd_ps(sums, _mm_set1_ps(x.scale[g * F::kGroup / kChunk]), acc);
}

// Adds groups [g, g + count) of a chunk, in order, to the sums of four rows.
template <typename F>
CONCORD_INLINE __m128 AddChunk(const uint8_t* const* w, const TokenRow& x, const int8_t* ordered, int64_t g, int count,
                               __m128 acc) {
  using Rows = FourRows<F>;
  Rows rows;
  ScaleChunk(F{}, w, &rows);
  SumChunk(F{}, w, ordered + g * F::kGroup, &rows);
  constexpr bool kOwnScale = !kBlockScale<F>, kOwnMin = kOwnScale && F::kHasMin;
  alignas(64) float sum[Rows::kVectors * 4][4], scale[Rows::kVectors * 4][4], neg_min[Rows::kVectors * 4][4];
  CONCORD_UNROLL for (int v = 0; v < Rows::kVectors; ++v) {
    __m512i s = rows.sum[v];
    if (F::kOffsetShift >= 0) {
      const __m512i neg_sum = ToLanes<kOrder<F>>(x.neg_sum, g, count, v);
      s = _mm512_add_epi32(s, _mm512_slli_epi32(neg_sum, static_cast<unsigned>(F::kOffsetShift & 31)));
    }
    _mm512_store_ps(sum[4 * v], _mm512_cvtepi32_ps(s));
    if (kOwnScale) rows.scale[v] *= _mm512_castsi512_ps(ToLanes<kOrder<F>>(x.scale, g, count, v));
    _mm512_store_ps(scale[4 * v], rows.scale[v]);
    if (kOwnMin) _mm512_store_ps(neg_min[4 * v], rows.neg_min[v]);
  }
  __m128 sums = kOwnScale ? acc : __m128{};
  const auto add = [&](int v, int l) {
    const int at = 4 * v + l;
    sums = _mm_fmadd_ps(_mm_load_ps(sum[at]), _mm_load_ps(scale[at]), sums);
    if (kOwnMin) {
      sums = _mm_fmadd_ps(_mm_load_ps(neg_min[at]), _mm_set1_ps(x.ScaledSum(g + GroupOf(kOrder<F>, v, l))), sums);
    }
  };
  CONCORD_UNROLL for (int i = 0; i < kChunk / F::kGroup; ++i) {
    if (i >= count) break;
    CONCORD_UNROLL for (int at = 0; at < Rows::kVectors * 4; ++at) {
      if (GroupOf(kOrder<F>, at / 4, at % 4) == i) add(at / 4, at % 4);
    }
  }
  if constexpr (kOwnScale) return sums;
  return FinishBlock<F>(rows, x, g, sums, acc);
}

// The results of four rows of W, which are `step` bytes apart.
template <typename F>
CONCORD_INLINE __m128 MultiplyFourRows(const uint8_t* const* rows, int64_t step, const TokenRow& x, int64_t k,
                                       RowScratch* scratch) {
  constexpr int64_t kBytes = kChunk / F::kBlockElems * F::kBlockBytes;
  const int64_t ahead = (kAheadBytes / (4 * step) + 1) * 4 * step;
  const uint8_t* w[4] = {rows[0], rows[1], rows[2], rows[3]};
  __m128 acc = {};
  int64_t i = 0;
  for (; i + kChunk <= k; i += kChunk) {
    const uint8_t* later = rows[0] + ahead + 4 * (w[0] - rows[0]);
    CONCORD_UNROLL for (int64_t at = 0; at < 4 * kBytes; at += 64) PrefetchFar(later + at);
    acc = AddChunk<F>(w, x, scratch->x, i / F::kGroup, kChunk / F::kGroup, acc);
    CONCORD_UNROLL for (int r = 0; r < 4; ++r) w[r] += kBytes;
  }
  if (i < k) {
    for (int r = 0; r < 4; ++r) {
      __builtin_memset(scratch->last[r], 0, kChunkBytes);
      __builtin_memcpy(scratch->last[r], w[r], static_cast<size_t>((k - i) / F::kBlockElems * F::kBlockBytes));
      w[r] = scratch->last[r];
    }
    acc = AddChunk<F>(w, x, scratch->x, i / F::kGroup, static_cast<int>((k - i) / F::kGroup), acc);
  }
  return acc;
}

template <typename F>
static void RunOneRow(const LinearTile& tile) {
  auto* scratch = static_cast<RowScratch*>(tile.scratch);
  const auto* weights = static_cast<const uint8_t*>(tile.weights);
  const TokenRow x = RowAt<F>(tile, tile.m_begin, 0);
  float* y = RowOfY(tile, tile.m_begin);
  OrderX<F>(x.q, tile.k, scratch->x);
  for (int64_t n = tile.n_begin; n < tile.n_end; n += 4) {
    const int64_t lanes = Min(4, tile.n_end - n);
    const uint8_t* rows[4];  // past the end the last one again; what comes of it is not written
    for (int64_t r = 0; r < 4; ++r) rows[r] = weights + (n + Min(r, lanes - 1)) * tile.row_stride_bytes;
    __m128 sums = MultiplyFourRows<F>(rows, tile.row_stride_bytes, x, tile.k, scratch);
    const auto live = static_cast<__mmask8>((1u << lanes) - 1u);
    if (tile.bias != nullptr) sums = _mm_add_ps(sums, _mm_maskz_loadu_ps(live, tile.bias + n));
    _mm_mask_storeu_ps(y + n, live, sums);
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
