#pragma once

#include "kernels/cpu/impl/attention_many.h"

// Attention of few rows, as in decoding: K and V go from the cache through registers into the sums, as storing what was
// decoded takes as long as using it. The order of every sum is that of many rows, so the bits are.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// Rows at a time, and vectors of V. AVX-512: 4 rows * 4 registers of sums, 4 of V, 8 of K that is being transposed.
// NEON and AVX2: 4 rows * 1 vector, which is 16 registers of 32 and 8 of 16.
constexpr int kFewTile = kWide || kInParts ? 4 : 2;
constexpr int kFewVecs = kWide ? 4 : 1;
// Up to so many it is faster to decode for every few again than to go through scratch.
constexpr int64_t kFewRows = kWide ? 16 : kFewTile;

template <typename Kv, int kRows>
static void StoredScores(const ChunkRows& keys, const ChunkRows& next, const KvCache& cache, const AttentionRow* rows,
                         VecF (*s)[kKeyVecs]) {
  const int64_t bytes = KvRowBytes(cache.type, cache.d);
  for (int64_t v = 0; v < kKeyVecs; ++v) {
    VecF acc[kRows] = {};
    Load16Keys<Kv>(
        keys, next, bytes, cache.d, v * kLanes, [&](int64_t i, VecF k) __attribute__((always_inline)) {
          CONCORD_UNROLL for (int r = 0; r < kRows; ++r) acc[r] = MulAdd(Set(rows[r].q[i]), k, acc[r]);
        });
    CONCORD_UNROLL for (int r = 0; r < kRows; ++r) s[r][v] = acc[r];
  }
}

template <typename Kv, int kRows>
static void AddStoredValues(const ChunkRows& values, const ChunkRows& next, const KvCache& cache, AttentionRow* rows,
                            const float (*p)[kKvChunk], const float* factor, int64_t base) {
  const int64_t bytes = KvRowBytes(cache.type, cache.d);
  AddValues<kRows, kFewVecs>(
      rows, p, factor, cache.d, base, [&](int64_t j, int64_t col, int64_t lanes) __attribute__((always_inline)) {
        if (col == 0) PrefetchKv(next.at[j], bytes);
        return Kv::At(values.at[j], col, lanes);
      });
}

template <int kRows>
static void FewRowsByChunk(const AttentionTile& tile, const KvChunkRows& kv, const KvChunkRows& next,
                           AttentionRow* rows, int64_t base) {
  VecF s[kRows][kKeyVecs];
  WithKvType(tile.k.type,
             [&](auto kv_type) { StoredScores<decltype(kv_type), kRows>(kv.keys, next.keys, tile.k, rows, s); });
  alignas(64) float p[kRows][kKvChunk];
  float factor[kRows];
  for (int r = 0; r < kRows; ++r) factor[r] = Weights(tile, rows + r, base, s[r], p[r]);
  WithKvType(tile.v.type, [&](auto kv_type) {
    AddStoredValues<decltype(kv_type), kRows>(kv.values, next.values, tile.v, rows, p, factor, base);
  });
}

template <int kRows = kFewTile>
CONCORD_INLINE void FewRowsUpTo(int64_t n, const AttentionTile& tile, const KvChunkRows& kv, const KvChunkRows& next,
                                AttentionRow* rows, int64_t base) {
  if constexpr (kRows > 1) {
    if (n < kRows) return FewRowsUpTo<kRows - 1>(n, tile, kv, next, rows, base);
  }
  FewRowsByChunk<kRows>(tile, kv, next, rows, base);
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
