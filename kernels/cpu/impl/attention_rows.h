#pragma once

#include "kernels/cpu/impl/kv_chunk.h"
#include "kernels/cpu/impl/math.h"

// The rows of a tile of attention, a row being one query of one head, and their online softmax.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

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
  uint8_t* zeros;  // a row of K or V that is all zeros
  int64_t d_v;     // rounded up to 16
};

// Keys begin..end-1 of a chunk: those that a row sees.
struct KeyRange {
  int64_t begin, end;
};
CONCORD_INLINE KeyRange SeenOf(const AttentionRow& row, int64_t base) {
  return {Min(Max(row.first - base, 0), kKvChunk), Min(Max(row.last - base + 1, 0), kKvChunk)};
}

// Scores of one row to weights exp(s - top); returns the factor for what was summed under the old top.
CONCORD_INLINE float Weights(const AttentionTile& tile, AttentionRow* row, int64_t base, const VecF* s, float* p) {
  VecF z[kKeyVecs];
  VecI seen[kKeyVecs];
  VecF top = Set(row->top);
  const KeyRange sees = SeenOf(*row, base);
  const VecI begin = SetI(static_cast<int32_t>(sees.begin)), end = SetI(static_cast<int32_t>(sees.end));
  CONCORD_UNROLL for (int v = 0; v < kKeyVecs; ++v) {
    z[v] = s[v] * Set(tile.scale);
    if (tile.softcap != 0.0f) z[v] = Set(tile.softcap) * Tanh(z[v] / Set(tile.softcap));
    const VecI at = Iota() + SetI(static_cast<int32_t>(v * kLanes));
    seen[v] = (VecI)(at >= begin) & (VecI)(at < end);
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

// sums = sums * factor + p V for kVecs * 16 columns from col on, of which `lanes` of each 16 are there. V is at(key,
// col, lanes). A row meets the values of keys that it sees and no others: a weight of 0 would not hide what is
// infinite.
template <int kRows, int kVecs, typename At>
CONCORD_INLINE void AddColumns(AttentionRow* rows, const float (*p)[kKvChunk], const float* factor, int64_t col,
                               int64_t lanes, int64_t base, At at) {
  VecF acc[kRows][kVecs];
  KeyRange sees[kRows], all = {0, kKvChunk}, any = {kKvChunk, 0};
  CONCORD_UNROLL for (int r = 0; r < kRows; ++r) {
    CONCORD_UNROLL for (int v = 0; v < kVecs; ++v) acc[r][v] = Load(rows[r].sums + col + v * kLanes) * Set(factor[r]);
    sees[r] = SeenOf(rows[r], base);
    all = {Max(all.begin, sees[r].begin), Min(all.end, sees[r].end)};
    any = {Min(any.begin, sees[r].begin), Max(any.end, sees[r].end)};
  }
  const auto add = [&](int64_t j, bool by_row) __attribute__((always_inline)) {
    VecF value[kVecs];
    CONCORD_UNROLL for (int v = 0; v < kVecs; ++v) value[v] = at(j, col + v * kLanes, lanes);
    CONCORD_UNROLL for (int r = 0; r < kRows; ++r) {
      if (by_row && (j < sees[r].begin || j >= sees[r].end)) continue;
      const VecF weight = Set(p[r][j]);
      CONCORD_UNROLL for (int v = 0; v < kVecs; ++v) acc[r][v] = MulAdd(weight, value[v], acc[r][v]);
    }
  };
  int64_t j = any.begin;
  for (; j < Min(all.begin, any.end); ++j) add(j, true);
  for (; j < all.end; ++j) add(j, false);
  for (; j < any.end; ++j) add(j, true);
  CONCORD_UNROLL for (int r = 0; r < kRows; ++r) {
    CONCORD_UNROLL for (int v = 0; v < kVecs; ++v) Store(rows[r].sums + col + v * kLanes, acc[r][v]);
  }
}

// The same for all d columns, kVecs * 16 at a time (fewer at the end).
template <int kRows, int kVecs, typename At>
CONCORD_INLINE void AddValues(AttentionRow* rows, const float (*p)[kKvChunk], const float* factor, int64_t d,
                              int64_t base, At at) {
  int64_t i = 0;
  for (; i + kVecs * kLanes <= d; i += kVecs * kLanes) {
    AddColumns<kRows, kVecs>(rows, p, factor, i, kLanes, base, at);
  }
  for (; i < d; i += kLanes) AddColumns<kRows, 1>(rows, p, factor, i, Min(kLanes, d - i), base, at);
}

CONCORD_INLINE int64_t MakeRows(const AttentionTile& tile, AttentionScratch* scratch) {
  const int64_t group = tile.n_heads / tile.k.n_kv_heads;
  scratch->d_v = (tile.v.d + 15) / 16 * 16;
  scratch->keys = static_cast<float*>(tile.scratch);
  scratch->values = scratch->keys + kKvChunk * tile.k.d;
  scratch->sums = scratch->values + kKvChunk * scratch->d_v;
  scratch->rows = reinterpret_cast<AttentionRow*>(scratch->sums + tile.n_queries * group * scratch->d_v);
  scratch->zeros = reinterpret_cast<uint8_t*>(scratch->rows + tile.n_queries * group);
  __builtin_memset(scratch->zeros, 0, static_cast<size_t>(Max(tile.k.d, tile.v.d)) * 4);
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
    StorePart(row.out + i, Load(row.sums + i) * inverse, Min(kLanes, tile.v.d - i));
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
