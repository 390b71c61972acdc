#pragma once

#include "kernels/cpu/impl/four_rows_formats_avx512.h"

// linear in int8, one row of x or a few by four rows of W at a time.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// Rows whose last chunk is none are read from a copy of it.
constexpr int64_t kChunkBytes = 320;  // of 256 elements, at most 34 for 32

// Rows of x up to which this is faster than panels, whose decoding needs more rows to pay. On Zen 5, GB/s of W a core
// with panels and without: two rows, q8_0 15 and 40, q6_k 22 and 38, q4_0 19 and 31, q4_k 27 and 33; three, q8_0 17 and
// 32, q4_k 24 and 25; four, q8_0 20 and 27, q4_0 18 and 19, q6_k 25 and 25, q4_k 26 and 20.
template <typename F>
constexpr int kMostInRows = kBlockScale<F> ? 3 : 4;
constexpr int64_t kMostInAnyRows = 4;  // of all formats, which share scratch

struct RowScratch {
  alignas(64) uint8_t last[4][kChunkBytes];
  alignas(64) int8_t x[64];  // [row of x][k] in the format's order, zeros up to whole chunks
};

CONCORD_INLINE int64_t WholeChunks(int64_t k) { return (k + kChunk - 1) / kChunk * kChunk; }
CONCORD_INLINE int64_t RowScratchBytes(int64_t k) {
  return static_cast<int64_t>(sizeof(RowScratch)) + kMostInAnyRows * WholeChunks(k);
}

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

// A row of x and a copy of its codes in the format's order.
struct OrderedRow {
  TokenRow x;
  const int8_t* ordered;
};

// Adds groups [g, g + count) of a chunk, whose scales are in `rows`, to the sums of four rows.
template <typename F>
CONCORD_INLINE __m128 AddChunk(const uint8_t* const* w, const OrderedRow& row, int64_t g, int count, FourRows<F> rows,
                               __m128 acc) {
  using Rows = FourRows<F>;
  const TokenRow& x = row.x;
  SumChunk(F{}, w, row.ordered + g * F::kGroup, &rows);
  CONCORD_UNROLL for (int v = 0; v < Rows::kVectors && F::kOffsetShift >= 0; ++v) {
    const __m512i neg_sum = ToLanes<kOrder<F>>(x.neg_sum, g, count, v);
    rows.sum[v] =
        _mm512_add_epi32(rows.sum[v], _mm512_slli_epi32(neg_sum, static_cast<unsigned>(F::kOffsetShift & 31)));
  }
  if constexpr (kBlockScale<F>) return AddBlock<F>(rows, x, g, acc);
  return AddGroups<F>(rows, x, g, count, acc);
}

// Adds them for some rows of x.
template <typename F, int kTokens>
CONCORD_INLINE void AddChunks(const uint8_t* const* w, const OrderedRow* x, int64_t g, int count, __m128* acc) {
  FourRows<F> rows;
  ScaleChunk(F{}, w, &rows);
  CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) acc[t] = AddChunk<F>(w, x[t], g, count, rows, acc[t]);
}

// The results of four rows of W, which are `step` bytes apart, for each row of x.
template <typename F, int kTokens>
CONCORD_INLINE void MultiplyFourRows(const uint8_t* const* rows, int64_t step, const OrderedRow* x, int64_t k,
                                     RowScratch* scratch, __m128* acc) {
  constexpr int64_t kBytes = kChunk / F::kBlockElems * F::kBlockBytes;
  const int64_t ahead = (kAheadBytes / (4 * step) + 1) * 4 * step;
  const uint8_t* w[4] = {rows[0], rows[1], rows[2], rows[3]};
  CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) acc[t] = __m128{};
  int64_t i = 0;
  for (; i + kChunk <= k; i += kChunk) {
    const uint8_t* later = rows[0] + ahead + 4 * (w[0] - rows[0]);
    CONCORD_UNROLL for (int64_t at = 0; at < 4 * kBytes; at += 64) PrefetchOnce(later + at);
    AddChunks<F, kTokens>(w, x, i / F::kGroup, kChunk / F::kGroup, acc);
    CONCORD_UNROLL for (int r = 0; r < 4; ++r) w[r] += kBytes;
  }
  if (i < k) {
    for (int r = 0; r < 4; ++r) {
      __builtin_memset(scratch->last[r], 0, kChunkBytes);
      __builtin_memcpy(scratch->last[r], w[r], static_cast<size_t>((k - i) / F::kBlockElems * F::kBlockBytes));
      w[r] = scratch->last[r];
    }
    AddChunks<F, kTokens>(w, x, i / F::kGroup, static_cast<int>((k - i) / F::kGroup), acc);
  }
}

template <typename F, int kTokens>
static void RunTokensInRows(const LinearTile& tile) {
  static_assert(kTokens <= kMostInAnyRows);
  auto* scratch = static_cast<RowScratch*>(tile.scratch);
  const auto* weights = static_cast<const uint8_t*>(tile.weights);
  OrderedRow x[kTokens];
  for (int t = 0; t < kTokens; ++t) {
    int8_t* ordered = scratch->x + t * WholeChunks(tile.k);
    x[t] = {RowAt<F>(tile, tile.m_begin + t, 0), ordered};
    OrderX<F>(x[t].x.q, tile.k, ordered);
  }
  for (int64_t n = tile.n_begin; n < tile.n_end; n += 4) {
    const int64_t lanes = Min(4, tile.n_end - n);
    const uint8_t* rows[4];  // past the end the last one again; what comes of it is not written
    for (int64_t r = 0; r < 4; ++r) rows[r] = weights + (n + Min(r, lanes - 1)) * tile.row_stride_bytes;
    __m128 sums[kTokens];
    MultiplyFourRows<F, kTokens>(rows, tile.row_stride_bytes, x, tile.k, scratch, sums);
    const auto live = static_cast<__mmask8>((1u << lanes) - 1u);
    CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
      if (tile.bias != nullptr) sums[t] = _mm_add_ps(sums[t], _mm_maskz_loadu_ps(live, tile.bias + n));
      _mm_mask_storeu_ps(RowOfY(tile, tile.m_begin + t) + n, live, sums[t]);
    }
  }
}

template <typename F, int kTokens = kMostInRows<F>>
CONCORD_INLINE void RunInRows(const LinearTile& tile) {
  if constexpr (kTokens > 1) {
    if (tile.m_end - tile.m_begin < kTokens) return RunInRows<F, kTokens - 1>(tile);
  }
  RunTokensInRows<F, kTokens>(tile);
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
