#pragma once

#include "kernels/cpu/impl/attention_few.h"

// Attention over paged KV.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// Rows that see nothing of a chunk come out as they went in; a group of such rows is passed over.
CONCORD_INLINE bool SeeAny(const AttentionRow* rows, int64_t n, int64_t base) {
  bool any = false;
  for (int64_t i = 0; i < n; ++i) any = any || (rows[i].first < base + kKvChunk && rows[i].last >= base);
  return any;
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
  KvChunkRows rows[2];
  const auto find = [&](int64_t base, KvChunkRows* out) {
    RowsOfChunk(tile, tile.k, base, first, last, scratch.zeros, &out->keys);
    RowsOfChunk(tile, tile.v, base, first, last, scratch.zeros, &out->values);
  };
  const bool few = n_rows <= kFewRows;
  const int64_t step = few ? kFewTile : kRowTile;
  int64_t base = first / kKvChunk * kKvChunk;
  find(base, &rows[0]);
  for (int now = 0; base <= last; base += kKvChunk, now ^= 1) {
    find(base + kKvChunk, &rows[now ^ 1]);
    if (!few) LoadChunk(tile, rows[now], rows[now ^ 1], scratch);
    for (int64_t r = 0; r < n_rows; r += step) {
      const int64_t n = Min(step, n_rows - r);
      if (!SeeAny(scratch.rows + r, n, base)) continue;
      if (few) {
        FewRowsUpTo(n, tile, rows[now], rows[now ^ 1], scratch.rows + r, base);
      } else {
        RowsUpTo(n, tile, scratch, scratch.rows + r, base);
      }
    }
  }
  for (int64_t r = 0; r < n_rows; ++r) Finish(tile, scratch.rows[r]);
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
