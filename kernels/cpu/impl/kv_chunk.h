#pragma once

#include "kernels/cpu/impl/kv_rows.h"

// 64 rows of the paged KV cache: where they lie, asking for them ahead, and decoding them for attention.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// Where keys or values base..base+63 lie. Those that are not among first..last, which exist for this tile, are `zeros`:
// their blocks may be gone or not yet be written, so they are not touched.
struct ChunkRows {
  const uint8_t* at[kKvChunk];
};
CONCORD_INLINE void RowsOfChunk(const AttentionTile& tile, const KvCache& cache, int64_t base, int64_t first,
                                int64_t last, const uint8_t* zeros, ChunkRows* rows) {
  const int64_t bytes = KvRowBytes(cache.type, cache.d);
  const int64_t begin = Min(Max(first - base, 0), kKvChunk);
  const int64_t end = Max(begin, Min(last - base + 1, kKvChunk));
  int64_t j = 0;
  for (; j < begin; ++j) rows->at[j] = zeros;
  while (j < end) {  // a block at a time: a division a row would take longer than reading it
    const int64_t block = (base + j) / cache.block_tokens;
    const uint8_t* row = KvRow(cache, tile.block_table[block], tile.kv_head, (base + j) % cache.block_tokens);
    const int64_t block_end = Min(end, (block + 1) * cache.block_tokens - base);
    for (; j < block_end; ++j, row += bytes) rows->at[j] = row;
  }
  for (; j < kKvChunk; ++j) rows->at[j] = zeros;
}

// Blocks lie anywhere, so no hardware foresees the next ones. They are asked for row by row while others are decoded:
// all at once, requests would fill the queues and stall the loads behind them.
CONCORD_INLINE void PrefetchKv(const uint8_t* row, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) PrefetchOnce(row + i);
}

// A perfect shuffle of n vectors: lanes of v[0] and v[n / 2] take turns, and so on. Of the address of an element, its
// vector's number above its lane, every bit moves up by one and the highest becomes the lowest.
template <int n>
CONCORD_INLINE void Shuffle(VecF* v) {
  VecF t[n];
  CONCORD_UNROLL for (int i = 0; i < n / 2; ++i) {
    t[2 * i] = InterleaveLow(v[i], v[i + n / 2]);
    t[2 * i + 1] = InterleaveHigh(v[i], v[i + n / 2]);
  }
  CONCORD_UNROLL for (int i = 0; i < n; ++i) v[i] = t[i];
}

// 16 rows become 16 columns.
CONCORD_INLINE void Transpose16(VecF* v) { CONCORD_UNROLL for (int round = 0; round < 4; ++round) Shuffle<16>(v); }

// Keys of 16 rows with a row a lane: put(i, v) is called with element i of all, i = 0, 1, ... d - 1.
template <typename Kv>
struct KeyLoader {
  template <typename Put>
  CONCORD_INLINE void Load16(const uint8_t* const* rows, int64_t d, Put put) {
    for (int64_t i = 0; i < d; i += kLanes) {
      const int64_t lanes = Min(kLanes, d - i);
      VecF v[16];
      CONCORD_UNROLL for (int l = 0; l < kLanes; ++l) v[l] = Kv::At(rows[l], i, lanes);
      Transpose16(v);
      CONCORD_UNROLL for (int l = 0; l < kLanes; ++l) {
        if (l < lanes) put(i + l, v[l]);
      }
    }
  }
};

// Bytes are transposed four at a time before they are decoded: a quarter of the shuffles.
template <>
struct KeyLoader<KvQ8> {
  template <typename Put>
  CONCORD_INLINE void Load16(const uint8_t* const* rows, int64_t d, Put put) {
    for (int64_t i = 0, at = 0; i < d; i += 32, at += 34) {
      VecF v[8];  // v[m]: four bytes a lane, eight lanes of row 2m, eight of row 2m + 1
      CONCORD_UNROLL for (int m = 0; m < 8; ++m) v[m] = LoadEights(rows[2 * m] + at + 2, rows[2 * m + 1] + at + 2);
      CONCORD_UNROLL for (int round = 0; round < 4; ++round) Shuffle<8>(v);
      VecH halves = {};
      CONCORD_UNROLL for (int l = 0; l < kLanes; ++l) SetHalf(&halves, l, rows[l] + at);
      // A byte stays in the highest place, which makes it 2^24 times itself: exact, and so is the scale.
      const VecF scale = FromF16(halves) * Set(0x1p-24f);
      const VecI high = SetI(static_cast<int32_t>(0xff000000u));
      CONCORD_UNROLL for (int w = 0; w < 8; ++w) {
        const VecI bytes = (VecI)v[w];
        put(i + 4 * w, ToFloat(bytes << 24) * scale);
        put(i + 4 * w + 1, ToFloat((bytes << 16) & high) * scale);
        put(i + 4 * w + 2, ToFloat((bytes << 8) & high) * scale);
        put(i + 4 * w + 3, ToFloat(bytes & high) * scale);
      }
    }
  }
};

// Keys j..j+15 of a chunk; asks for those of the next, of `bytes` each.
template <typename Kv, typename Put>
CONCORD_INLINE void Load16Keys(const ChunkRows& rows, const ChunkRows& next, int64_t bytes, int64_t d, int64_t j,
                               Put put) {
  for (int64_t l = 0; l < kLanes; ++l) PrefetchKv(next.at[j + l], bytes);
  KeyLoader<Kv>::Load16(rows.at + j, d, put);
}

struct KvChunkRows {
  ChunkRows keys, values;
};

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
