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

// "int8/256": adds a block, which begins at group g, to the sums of four rows.
template <typename F>
CONCORD_INLINE __m128 AddBlock(const FourRows<F>& rows, const TokenRow& x, int64_t g, __m128 acc) {
  __m512i whole = {};
  CONCORD_UNROLL for (int v = 0; v < FourRows<F>::kVectors; ++v) {
    whole = _mm512_add_epi32(whole, _mm512_mullo_epi32(rows.sum[v], rows.scale_codes[v]));
  }
  __m128 part = _mm_cvtepi32_ps(SumOfLanes(whole)) * _mm512_castps512_ps128(rows.scale[0]);
  if constexpr (F::kHasMin) {
    const __m512i by_pair = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    __m512i mins = {};
    CONCORD_UNROLL for (int h = 0; h < kChunk / F::kGroup / 8; ++h) {
      const __m512i x_sums = _mm512_permutexvar_epi32(by_pair, _mm512_castsi128_si512(Load128(x.Sums(g + 8 * h))));
      mins = AddDotWords(mins, rows.min_codes[h], x_sums);
    }
    part = _mm_fmadd_ps(_mm_cvtepi32_ps(SumOfLanes(mins)), _mm512_castps512_ps128(rows.neg_min[0]), part);
  }
  return _mm_fmadd_ps(part, _mm_set1_ps(x.scale[g * F::kGroup / kChunk]), acc);
}

// "int8/32": adds groups [g, g + count), in order.
template <typename F>
CONCORD_INLINE __m128 AddGroups(const FourRows<F>& rows, const TokenRow& x, int64_t g, int count, __m128 acc) {
  constexpr int kGroups = FourRows<F>::kVectors * 4;
  alignas(64) float sums[kGroups][4], scale[kGroups][4], neg_min[kGroups][4];
  CONCORD_UNROLL for (int v = 0; v < FourRows<F>::kVectors; ++v) {
    _mm512_store_ps(sums[4 * v], _mm512_cvtepi32_ps(rows.sum[v]));
    _mm512_store_ps(scale[4 * v], rows.scale[v] * _mm512_castsi512_ps(ToLanes<kOrder<F>>(x.scale, g, count, v)));
    if (F::kHasMin) _mm512_store_ps(neg_min[4 * v], rows.neg_min[v]);
  }
  CONCORD_UNROLL for (int i = 0; i < kGroups; ++i) {
    if (i >= count) break;
    CONCORD_UNROLL for (int at = 0; at < kGroups; ++at) {
      if (GroupOf(kOrder<F>, at / 4, at % 4) != i) continue;
      acc = _mm_fmadd_ps(_mm_load_ps(sums[at]), _mm_load_ps(scale[at]), acc);
      if (F::kHasMin) acc = _mm_fmadd_ps(_mm_load_ps(neg_min[at]), _mm_set1_ps(x.ScaledSum(g + i)), acc);
    }
  }
  return acc;
}

// Adds groups [g, g + count) of a chunk to the sums of four rows.
template <typename F>
CONCORD_INLINE __m128 AddChunk(const uint8_t* const* w, const TokenRow& x, const int8_t* ordered, int64_t g, int count,
                               __m128 acc) {
  using Rows = FourRows<F>;
  Rows rows;
  ScaleChunk(F{}, w, &rows);
  SumChunk(F{}, w, ordered + g * F::kGroup, &rows);
  CONCORD_UNROLL for (int v = 0; v < Rows::kVectors && F::kOffsetShift >= 0; ++v) {
    const __m512i neg_sum = ToLanes<kOrder<F>>(x.neg_sum, g, count, v);
    rows.sum[v] =
        _mm512_add_epi32(rows.sum[v], _mm512_slli_epi32(neg_sum, static_cast<unsigned>(F::kOffsetShift & 31)));
  }
  if constexpr (kBlockScale<F>) return AddBlock<F>(rows, x, g, acc);
  return AddGroups<F>(rows, x, g, count, acc);
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
    CONCORD_UNROLL for (int64_t at = 0; at < 4 * kBytes; at += 64) PrefetchOnce(later + at);
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
