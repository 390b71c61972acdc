#pragma once

#include "kernels/cpu/impl/kv_rows.h"
#include "kernels/cpu/impl/math.h"

// Attention over paged KV. Per 64 keys: K is decoded and transposed (lanes are keys, so scores need no sum across
// lanes), V is decoded, once for all queries of the tile; then up to 6 rows (a row: one query, one head) at a time
// against them.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// Rows at a time, and vectors of K or V at a time. AVX-512: 6 rows * 4 registers of sums, 4 of K or V. NEON, with 4
// registers a vector: 3 rows * 2 vectors of sums make 24; K or V, read a register at a time, and the weights take 4.
constexpr int kRowTile = kWide ? 6 : kNeon ? 3 : 2;
constexpr int kVecTile = kNeon ? 2 : 4;
constexpr int64_t kKeyVecs = kKvChunk / kLanes;
constexpr float kNever = -__builtin_inff();

struct AttentionRow {
  const float* q;
  float* sums;  // [d_v rounded up to 16]
  float* out;
  int64_t first;  // keys first..last are visible
  int64_t last;
  int64_t head;
  float top;    // largest score so far
  float total;  // sum of exp(score - top)
};

struct AttentionScratch {
  float* keys;    // [d_k][64]
  float* values;  // [64][d_v rounded up]
  float* sums;    // [rows][d_v rounded up]
  AttentionRow* rows;
  int64_t d_v;  // rounded up to 16
};

// Four perfect shuffles of 256 elements are a transposition.
CONCORD_INLINE void Transpose16(VecF* v) {
  VecF t[16];
  CONCORD_UNROLL for (int round = 0; round < 2; ++round) {
    CONCORD_UNROLL for (int i = 0; i < 8; ++i) {
      t[2 * i] = InterleaveLow(v[i], v[i + 8]);
      t[2 * i + 1] = InterleaveHigh(v[i], v[i + 8]);
    }
    CONCORD_UNROLL for (int i = 0; i < 8; ++i) {
      v[2 * i] = InterleaveLow(t[i], t[i + 8]);
      v[2 * i + 1] = InterleaveHigh(t[i], t[i + 8]);
    }
  }
}

// Where keys or values base..base+63 lie. Of those that are not among first..last, which exist for this tile, null:
// their blocks may be gone or not yet be written, so they are not touched and count as zeros.
struct ChunkRows {
  const uint8_t* at[kKvChunk];
};
CONCORD_INLINE ChunkRows RowsOfChunk(const AttentionTile& tile, const KvCache& cache, int64_t base, int64_t first,
                                     int64_t last) {
  ChunkRows rows;
  int64_t block = base / cache.block_tokens, token = base % cache.block_tokens;
  for (int64_t j = 0; j < kKvChunk; ++j) {
    const bool known = base + j >= first && base + j <= last;
    rows.at[j] = known ? KvRow(cache, tile.block_table[block], tile.kv_head, token) : nullptr;
    if (++token == cache.block_tokens) {  // a division a row would take longer than reading it
      token = 0;
      ++block;
    }
  }
  return rows;
}

template <typename Kv>
static void LoadKeys(const AttentionTile& tile, const ChunkRows& rows, float* keys) {
  for (int64_t j = 0; j < kKvChunk; j += kLanes) {
    for (int64_t i = 0; i < tile.k.d; i += kLanes) {
      const int64_t lanes = Min(kLanes, tile.k.d - i);
      VecF v[16];
      for (int64_t l = 0; l < kLanes; ++l) {
        v[l] = rows.at[j + l] == nullptr ? VecF{} : Kv::At(rows.at[j + l], i, lanes);
      }
      Transpose16(v);
      for (int64_t l = 0; l < lanes; ++l) Store(keys + (i + l) * kKvChunk + j, v[l]);
    }
  }
}

template <typename Kv>
static void LoadValues(const AttentionTile& tile, const ChunkRows& rows, int64_t d_v, float* values) {
  for (int64_t j = 0; j < kKvChunk; ++j) {
    float* out = values + j * d_v;
    for (int64_t i = 0; i < tile.v.d; i += kLanes) {
      Store(out + i, rows.at[j] != nullptr ? Kv::At(rows.at[j], i, Min(kLanes, tile.v.d - i)) : VecF{});
    }
  }
}

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

// Scores of one row to weights exp(s - top); returns the factor for what was summed under the old top.
CONCORD_INLINE float Weights(const AttentionTile& tile, AttentionRow* row, int64_t base, const VecF* s, float* p) {
  VecF z[kKeyVecs];
  VecI seen[kKeyVecs];
  VecF top = Set(row->top);
  const VecI first = SetI(static_cast<int32_t>(row->first - base < 0 ? 0 : Min(row->first - base, kKvChunk)));
  const VecI last = SetI(static_cast<int32_t>(Min(row->last - base, kKvChunk)));
  CONCORD_UNROLL for (int v = 0; v < kKeyVecs; ++v) {
    z[v] = s[v] * Set(tile.scale);
    if (tile.softcap != 0.0f) z[v] = Set(tile.softcap) * Tanh(z[v] / Set(tile.softcap));
    const VecI at = Iota() + SetI(static_cast<int32_t>(v * kLanes));
    seen[v] = (VecI)(at >= first) & (VecI)(at <= last);
    top = MaxV(top, Select(seen[v], z[v], Set(kNever)));
  }
  const float new_top = MaxLane(top);
  const bool none = new_top == kNever;
  VecF sum = {};
  CONCORD_UNROLL for (int v = 0; v < kKeyVecs; ++v) {
    const VecF e = none ? VecF{} : Select(seen[v], Exp(z[v] - Set(new_top)), VecF{});
    Store(p + v * kLanes, e);
    sum += e;
  }
  const float factor = none ? 1.0f : Exp(Set(row->top - new_top))[0];
  row->total = row->total * factor + Sum(sum);
  row->top = new_top;
  return factor;
}

// sums = sums * factor + p V, kVecTile * 16 values of d_v at a time (fewer at the end).
template <int kRows, int kVecs>
CONCORD_INLINE void AddValues(AttentionRow* rows, const float (*p)[kKvChunk], const float* factor, const float* values,
                              int64_t d_v, int64_t n_keys) {
  VecF acc[kRows][kVecs];
  CONCORD_UNROLL for (int r = 0; r < kRows; ++r) {
    CONCORD_UNROLL for (int v = 0; v < kVecs; ++v) acc[r][v] = Load(rows[r].sums + v * kLanes) * Set(factor[r]);
  }
  for (int64_t j = 0; j < n_keys; ++j) {
    VecF value[kVecs];
    CONCORD_UNROLL for (int v = 0; v < kVecs; ++v) value[v] = Load(values + j * d_v + v * kLanes);
    CONCORD_UNROLL for (int r = 0; r < kRows; ++r) {
      const VecF weight = Set(p[r][j]);
      CONCORD_UNROLL for (int v = 0; v < kVecs; ++v) acc[r][v] = MulAdd(weight, value[v], acc[r][v]);
    }
  }
  CONCORD_UNROLL for (int r = 0; r < kRows; ++r) {
    CONCORD_UNROLL for (int v = 0; v < kVecs; ++v) Store(rows[r].sums + v * kLanes, acc[r][v]);
  }
}

template <int kRows>
static void RowsByChunk(const AttentionTile& tile, const AttentionScratch& scratch, AttentionRow* rows, int64_t base,
                        int64_t n_keys) {
  VecF s[kRows][kKeyVecs];
  alignas(64) float p[kRows][kKvChunk];
  float factor[kRows];
  for (int64_t v = 0; v < kKeyVecs; v += kVecTile) Scores<kRows>(rows, scratch.keys, tile.k.d, v, s);
  for (int r = 0; r < kRows; ++r) factor[r] = Weights(tile, rows + r, base, s[r], p[r]);
  AttentionRow shifted[kRows];
  for (int r = 0; r < kRows; ++r) shifted[r] = rows[r];
  int64_t i = 0;
  for (; i + kVecTile * kLanes <= scratch.d_v; i += kVecTile * kLanes) {
    AddValues<kRows, kVecTile>(shifted, p, factor, scratch.values + i, scratch.d_v, n_keys);
    for (int r = 0; r < kRows; ++r) shifted[r].sums += kVecTile * kLanes;
  }
  for (; i < scratch.d_v; i += kLanes) {
    AddValues<kRows, 1>(shifted, p, factor, scratch.values + i, scratch.d_v, n_keys);
    for (int r = 0; r < kRows; ++r) shifted[r].sums += kLanes;
  }
}

template <int kRows = kRowTile>
CONCORD_INLINE void RowsUpTo(int64_t n, const AttentionTile& tile, const AttentionScratch& scratch, AttentionRow* rows,
                             int64_t base, int64_t n_keys) {
  if constexpr (kRows > 1) {
    if (n < kRows) return RowsUpTo<kRows - 1>(n, tile, scratch, rows, base, n_keys);
  }
  RowsByChunk<kRows>(tile, scratch, rows, base, n_keys);
}

CONCORD_INLINE void AllRowsByChunk(const AttentionTile& tile, const AttentionScratch& scratch, int64_t n_rows,
                                   int64_t base, int64_t n_keys) {
  for (int64_t r = 0; r < n_rows; r += kRowTile) {
    AttentionRow* rows = scratch.rows + r;
    const int64_t n = Min(kRowTile, n_rows - r);
    // Rows that see nothing of this chunk come out as they went in; a group of such rows is passed over.
    bool any = false;
    for (int64_t i = 0; i < n; ++i) any = any || (rows[i].first < base + kKvChunk && rows[i].last >= base);
    if (!any) continue;
    RowsUpTo(n, tile, scratch, rows, base, n_keys);
  }
}

CONCORD_INLINE int64_t MakeRows(const AttentionTile& tile, AttentionScratch* scratch) {
  const int64_t group = tile.n_heads / tile.k.n_kv_heads;
  scratch->d_v = (tile.v.d + 15) / 16 * 16;
  scratch->keys = static_cast<float*>(tile.scratch);
  scratch->values = scratch->keys + kKvChunk * tile.k.d;
  scratch->sums = scratch->values + kKvChunk * scratch->d_v;
  scratch->rows = reinterpret_cast<AttentionRow*>(scratch->sums + tile.n_queries * group * scratch->d_v);
  int64_t n = 0;
  for (int64_t i = 0; i < tile.n_queries; ++i) {
    const int64_t position = tile.positions[i];
    int64_t first = 0;
    if (tile.window > 0) first = Max(first, position - tile.window + 1);
    if (tile.chunk > 0) first = Max(first, position / tile.chunk * tile.chunk);
    for (int64_t g = 0; g < group; ++g, ++n) {
      const int64_t head = tile.kv_head * group + g;
      float* sums = scratch->sums + n * scratch->d_v;
      __builtin_memset(sums, 0, static_cast<size_t>(scratch->d_v) * 4);
      scratch->rows[n] = {tile.q + i * tile.q_stride + head * tile.k.d,
                          sums,
                          tile.out + i * tile.out_stride + head * tile.v.d,
                          first,
                          position,
                          head,
                          kNever,
                          0.0f};
    }
  }
  return n;
}

CONCORD_INLINE void Finish(const AttentionTile& tile, const AttentionRow& row) {
  float factor = 1.0f;
  float total = row.total;
  if (tile.sinks != nullptr) {
    const float sink = tile.sinks[row.head];
    const float top = row.top > sink ? row.top : sink;
    factor = Exp(Set(row.top - top))[0];
    total = total * factor + Exp(Set(sink - top))[0];
  }
  const VecF inverse = Set(total == 0.0f ? 0.0f : factor / total);
  for (int64_t i = 0; i < tile.v.d; i += kLanes) {
    // The zero makes -0 into 0: products with the weight 0 of unseen keys may or may not have been added.
    StorePart(row.out + i, Load(row.sums + i) * inverse + Set(0.0f), Min(kLanes, tile.v.d - i));
  }
}

// Blocks lie anywhere, so no hardware foresees the next ones.
CONCORD_INLINE void PrefetchChunk(const AttentionTile& tile, const KvCache& cache, int64_t base, int64_t last) {
  if (base > last) return;
  const ChunkRows rows = RowsOfChunk(tile, cache, base, base, last);
  const int64_t bytes = KvRowBytes(cache.type, cache.d);
  for (int64_t j = 0; j < Min(kKvChunk, last - base + 1); ++j) {
    for (int64_t i = 0; i < bytes; i += 64) PrefetchFar(rows.at[j] + i);
  }
}

CONCORD_INLINE void LoadChunk(const AttentionTile& tile, const AttentionScratch& scratch, int64_t base, int64_t first,
                              int64_t last) {
  PrefetchChunk(tile, tile.k, base + kKvChunk, last);
  PrefetchChunk(tile, tile.v, base + kKvChunk, last);
  const ChunkRows keys = RowsOfChunk(tile, tile.k, base, first, last);
  switch (tile.k.type) {
    case KvType::kF32:
      LoadKeys<KvF32>(tile, keys, scratch.keys);
      break;
    case KvType::kF16:
      LoadKeys<KvF16>(tile, keys, scratch.keys);
      break;
    case KvType::kBf16:
      LoadKeys<KvBf16>(tile, keys, scratch.keys);
      break;
    case KvType::kQ8_0:
      LoadKeys<KvQ8>(tile, keys, scratch.keys);
      break;
  }
  const ChunkRows values = RowsOfChunk(tile, tile.v, base, first, last);
  switch (tile.v.type) {
    case KvType::kF32:
      LoadValues<KvF32>(tile, values, scratch.d_v, scratch.values);
      break;
    case KvType::kF16:
      LoadValues<KvF16>(tile, values, scratch.d_v, scratch.values);
      break;
    case KvType::kBf16:
      LoadValues<KvBf16>(tile, values, scratch.d_v, scratch.values);
      break;
    case KvType::kQ8_0:
      LoadValues<KvQ8>(tile, values, scratch.d_v, scratch.values);
      break;
  }
}

static void Attention(const AttentionTile& tile) {
  if (tile.n_queries <= 0) return;
  AttentionScratch scratch;
  const int64_t n_rows = MakeRows(tile, &scratch);
  int64_t first = scratch.rows[0].first;
  int64_t last = scratch.rows[0].last;
  for (int64_t r = 1; r < n_rows; ++r) {
    first = Min(first, scratch.rows[r].first);
    last = Max(last, scratch.rows[r].last);
  }
  for (int64_t base = first / kKvChunk * kKvChunk; base <= last; base += kKvChunk) {
    LoadChunk(tile, scratch, base, first, last);
    AllRowsByChunk(tile, scratch, n_rows, base, Min(kKvChunk, last - base + 1));
  }
  for (int64_t r = 0; r < n_rows; ++r) Finish(tile, scratch.rows[r]);
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
