#pragma once

#include "kernels/cpu/impl/attention_rows.h"

// Attention of many rows: per 64 keys, K is decoded and transposed (lanes are keys, so scores need no sum across lanes)
// and V is decoded, into scratch, once for all rows; then up to 6 rows at a time against them.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// Rows at a time, and vectors of K or V at a time. AVX-512: 6 rows * 4 registers of sums, 4 of K or V. NEON, with 4
// registers a vector: 3 rows * 2 vectors of sums make 24; K or V, read a register at a time, and the weights take 4.
// AVX2, with 2: 12 of 16.
constexpr int kRowTile = kWide ? 6 : kInParts ? 3 : 2;
constexpr int kVecTile = kInParts ? 2 : 4;

// Scores of keys [first * kLanes, (first + kVecTile) * kLanes) of the chunk.
template <int kRows>
CONCORD_INLINE void Scores(const AttentionRow* rows, const float* keys, int64_t d, int64_t first, VecF (*s)[kKeyVecs]) {
  VecF acc[kRows][kVecTile] = {};
  for (int64_t i = 0; i < d; ++i) {
    VecF k[kVecTile];
    CONCORD_UNROLL for (int v = 0; v < kVecTile; ++v) k[v] = Load(keys + i * kKvChunk + (first + v) * kLanes);
    CONCORD_UNROLL for (int r = 0; r < kRows; ++r) {
      const VecF q = Set(rows[r].q[i]);
      CONCORD_UNROLL for (int v = 0; v < kVecTile; ++v) acc[r][v] = MulAdd(q, k[v], acc[r][v]);
    }
  }
  CONCORD_UNROLL for (int r = 0; r < kRows; ++r) {
    CONCORD_UNROLL for (int v = 0; v < kVecTile; ++v) s[r][first + v] = acc[r][v];
  }
}

template <int kRows>
static void RowsByChunk(const AttentionTile& tile, const AttentionScratch& scratch, AttentionRow* rows, int64_t base) {
  VecF s[kRows][kKeyVecs];
  alignas(64) float p[kRows][kKvChunk];
  float factor[kRows];
  for (int64_t v = 0; v < kKeyVecs; v += kVecTile) Scores<kRows>(rows, scratch.keys, tile.k.d, v, s);
  for (int r = 0; r < kRows; ++r) factor[r] = Weights(tile, rows + r, base, s[r], p[r]);
  const float* values = scratch.values;
  const int64_t d_v = scratch.d_v;
  AddValues<kRows, kVecTile>(
      rows, p, factor, d_v, base, [=](int64_t j, int64_t col, int64_t) __attribute__((always_inline)) {
        return Load(values + j * d_v + col);
      });
}

template <int kRows = kRowTile>
CONCORD_INLINE void RowsUpTo(int64_t n, const AttentionTile& tile, const AttentionScratch& scratch, AttentionRow* rows,
                             int64_t base) {
  if constexpr (kRows > 1) {
    if (n < kRows) return RowsUpTo<kRows - 1>(n, tile, scratch, rows, base);
  }
  RowsByChunk<kRows>(tile, scratch, rows, base);
}

// Decodes `rows` and asks for `next`, of `bytes` each.
template <typename Kv>
static void LoadKeys(const ChunkRows& rows, const ChunkRows& next, int64_t bytes, int64_t d, float* keys) {
  for (int64_t j = 0; j < kKvChunk; j += kLanes) {
    Load16Keys<Kv>(
        rows, next, bytes, d,
        j, [=](int64_t i, VecF k) __attribute__((always_inline)) { Store(keys + i * kKvChunk + j, k); });
  }
}

template <typename Kv>
static void LoadValues(const ChunkRows& rows, const ChunkRows& next, int64_t bytes, int64_t d, int64_t d_v,
                       float* values) {
  for (int64_t j = 0; j < kKvChunk; ++j) {
    PrefetchKv(next.at[j], bytes);
    for (int64_t i = 0; i < d; i += kLanes) Store(values + j * d_v + i, Kv::At(rows.at[j], i, Min(kLanes, d - i)));
  }
}

CONCORD_INLINE void LoadChunk(const AttentionTile& tile, const KvChunkRows& rows, const KvChunkRows& next,
                              const AttentionScratch& scratch) {
  const int64_t d_k = tile.k.d, d_v = tile.v.d;
  const int64_t k_bytes = KvRowBytes(tile.k.type, d_k), v_bytes = KvRowBytes(tile.v.type, d_v);
  WithKvType(tile.k.type,
             [&](auto kv_type) { LoadKeys<decltype(kv_type)>(rows.keys, next.keys, k_bytes, d_k, scratch.keys); });
  WithKvType(tile.v.type, [&](auto kv_type) {
    LoadValues<decltype(kv_type)>(rows.values, next.values, v_bytes, d_v, scratch.d_v, scratch.values);
  });
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
