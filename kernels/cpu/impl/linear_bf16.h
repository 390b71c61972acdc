#pragma once

#include "kernels/cpu/impl/tiles_bf16.h"

// linear, arithmetics "bf16" (weights of bf16) and "f16" (of f16), with the tile unit: up to 16 rows of x stream W as
// it lies in memory, as the first operand; more rows of x are the first operand themselves, with panels of W that are
// interleaved once for all of them. The sums are made in one order, so the bits are the same.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

constexpr int64_t kHalfChunk = 256;  // elements of k of a panel: two panels of two parts are 32 KiB, within L1
// Passes that one chunk of x serves while it stays in L2: 256 rows of x are 256 KiB, and the sums with 512 rows of W
// 512 KiB. Products are so fast that x, were it read anew for each pass, would have to come at 45 GB/s.
constexpr int64_t kHalfBlockPasses = 16;
constexpr int64_t kHalfTokens = 256;  // rows of x at a time

// ---- up to 16 rows of x

struct FewScratch {
  // A chunk of two blocks of 16 rows of W, both parts, where they are copied.
  alignas(64) uint16_t weights[2][2][kTile][kHalfChunk];
  alignas(64) float sums[2][kTile][kTile];  // row of W, row of x
};

// Where a chunk of 16 rows of W is read: in place if all are there and need no converting, else from the copy.
struct WeightBlock {
  const uint8_t* rows[kTile];
  const uint8_t* parts[2];
  int64_t stride_bytes;
};

CONCORD_INLINE void RowsOfWeights(const LinearTile& tile, int64_t n, const uint8_t** rows) {
  for (int64_t r = 0; r < kTile; ++r) {  // past the end the last one again; its sums are not written
    rows[r] = static_cast<const uint8_t*>(tile.weights) + Min(n + r, tile.n_end - 1) * tile.row_stride_bytes;
  }
}

template <bool kIsF16>
CONCORD_INLINE void ReadyChunk(const LinearTile& tile, bool whole, int64_t k0, int64_t chunk, WeightBlock* block,
                               uint16_t (*copy)[kTile][kHalfChunk]) {
  if (!kIsF16 && whole) {
    block->parts[0] = block->rows[0] + 2 * k0;
    block->stride_bytes = tile.row_stride_bytes;
    return;
  }
  for (int64_t r = 0; r < kTile; ++r) {
    PartsOfWeights<kIsF16>(block->rows[r], k0, chunk, copy[0][r], kTile * kHalfChunk);
  }
  block->parts[0] = reinterpret_cast<const uint8_t*>(copy[0]);
  block->parts[1] = reinterpret_cast<const uint8_t*>(copy[1]);
  block->stride_bytes = kHalfChunk * 2;
}

CONCORD_INLINE void WriteFew(const LinearTile& tile, int64_t n, const float (*sums)[kTile]) {
  for (int64_t m = tile.m_begin; m < tile.m_end; ++m) {
    float* y = RowOfY(tile, m) + n;
    for (int64_t r = 0; r < Min(kTile, tile.n_end - n); ++r) {
      const float sum = sums[r][m - tile.m_begin];
      y[r] = tile.bias != nullptr ? sum + tile.bias[n + r] : sum;
    }
  }
}

// Pairs of k of up to 16 rows of x, both parts.
struct FewPairs {
  const uint8_t* parts[2];
  int64_t stride_bytes;  // from a pair to the next
};

// 32 rows of W by a chunk of k.
template <bool kIsF16>
CONCORD_INLINE void FewChunk(const LinearTile& tile, const WeightBlock& a, const WeightBlock& b, int64_t k0,
                             int64_t chunk, const FewPairs& x) {
  // The rows of the pass after this one, in the order of addresses.
  const int64_t pass_bytes = 2 * kTile * tile.row_stride_bytes, step_bytes = pass_bytes / (tile.k / kStep);
  const uint8_t* later = a.rows[0] + pass_bytes + k0 / kStep * step_bytes;
  for (int64_t k = 0; k < chunk; k += kStep, later += step_bytes) {
    for (int64_t at = 0; at < step_bytes; at += 64) PrefetchFar(later + at);
    _tile_loadd(4, a.parts[0] + 2 * k, a.stride_bytes);
    _tile_loadd(5, b.parts[0] + 2 * k, b.stride_bytes);
    _tile_loadd(6, x.parts[0] + (k0 + k) / 2 * x.stride_bytes, x.stride_bytes);
    _tile_loadd(7, x.parts[1] + (k0 + k) / 2 * x.stride_bytes, x.stride_bytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 5, 6);
    _tile_dpbf16ps(0, 4, 7);
    _tile_dpbf16ps(1, 5, 7);
    if (kIsF16) {
      _tile_loadd(4, a.parts[1] + 2 * k, a.stride_bytes);
      _tile_loadd(5, b.parts[1] + 2 * k, b.stride_bytes);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 5, 6);
    }
  }
}

template <bool kIsF16>
CONCORD_INLINE void FewPass(const LinearTile& tile, int64_t n, const FewPairs& x, FewScratch* scratch) {
  WeightBlock a, b;
  RowsOfWeights(tile, n, a.rows);
  RowsOfWeights(tile, n + kTile, b.rows);
  _tile_zero(0);
  _tile_zero(1);
  for (int64_t k0 = 0; k0 < tile.k; k0 += kHalfChunk) {
    const int64_t chunk = Min(kHalfChunk, tile.k - k0);
    ReadyChunk<kIsF16>(tile, n + kTile <= tile.n_end, k0, chunk, &a, scratch->weights[0]);
    ReadyChunk<kIsF16>(tile, n + 2 * kTile <= tile.n_end, k0, chunk, &b, scratch->weights[1]);
    OperandsWritten();
    FewChunk<kIsF16>(tile, a, b, k0, chunk, x);
  }
  _tile_stored(0, scratch->sums[0], 64);
  _tile_stored(1, scratch->sums[1], 64);
  WriteFew(tile, n, scratch->sums[0]);
  if (n + kTile < tile.n_end) WriteFew(tile, n + kTile, scratch->sums[1]);
}

template <bool kIsF16>
static void RunFewRows(const LinearTile& tile) {
  auto* scratch = static_cast<FewScratch*>(tile.scratch);
  const int64_t m = tile.m_end - tile.m_begin;
  FewPairs x;
  if (m == 1) {  // as it lies in memory; to write 64 bytes for each pair took a quarter of the time
    const uint8_t* const row = RowOfX(tile, tile.m_begin);
    x = {{row, row + SplitLowOffset(tile.k)}, 4};
  } else {
    auto* pairs = reinterpret_cast<uint16_t(*)[kTile][2]>(scratch + 1);
    const uint8_t* rows[kTile];
    for (int64_t t = 0; t < kTile; ++t) rows[t] = RowOfX(tile, tile.m_begin + Min(t, m - 1));
    InterleavePairs(rows, 0, tile.k / 2, pairs);
    InterleavePairs(rows, SplitLowOffset(tile.k), tile.k / 2, pairs + tile.k / 2);
    const auto* const at = reinterpret_cast<const uint8_t*>(pairs);
    x = {{at, at + tile.k / 2 * 64}, 64};
  }
  OperandsWritten();
  ConfigureTiles({kTile, 4 * m}, {kTile, 2 * kStep}, {kTile, 4 * m});
  for (int64_t n = tile.n_begin; n < tile.n_end; n += 2 * kTile) FewPass<kIsF16>(tile, n, x, scratch);
  _tile_release();
}

// ---- more than 16 rows of x

struct ManyScratch {
  alignas(64) uint16_t panels[2][2][kHalfChunk / 2][kTile][2];  // part, panel
  alignas(64) uint16_t rows[2][kTile][kHalfChunk];              // of a panel before it is interleaved, both parts
  alignas(64) float unused[kTile][kPassRows];                   // sums of a tile of x that is there for the pair only
};
struct CopiedTokens {  // 16 rows of x, one chunk of k, where they do not lie in memory one after the other
  alignas(64) uint16_t parts[2][kTile][kHalfChunk];
};
// 16 rows of x: where their chunk of either part begins.
struct TokenTile {
  const void* parts[2];
  int64_t stride_bytes;
};

CONCORD_INLINE int64_t TokenTiles(int64_t m) { return (Min(m, kHalfTokens) + kTile - 1) / kTile; }
CONCORD_INLINE int64_t HalfScratchBytes(int64_t k, int64_t m) {
  const int64_t few = static_cast<int64_t>(sizeof(FewScratch)) + k * kTile * 4;
  const int64_t many = static_cast<int64_t>(sizeof(ManyScratch)) +
                       TokenTiles(m) * static_cast<int64_t>(sizeof(CopiedTokens)) +
                       kHalfBlockPasses * TokenTiles(m) * kTile * kPassRows * 4;
  return Max(few, many) + 64;
}

CONCORD_INLINE TokenTile TokensAt(const LinearTile& tile, int64_t m, int64_t m1, int64_t k0, CopiedTokens* copy) {
  TokenTile tokens;
  const uint8_t* const row = RowOfX(tile, m);
  tokens.parts[0] = row + 2 * k0;
  tokens.parts[1] = row + SplitLowOffset(tile.k) + 2 * k0;
  tokens.stride_bytes = tile.x_stride_bytes;
  if (tile.x_rows == nullptr && m + kTile <= m1) return tokens;
  const auto bytes = static_cast<size_t>(2 * Min(kHalfChunk, tile.k - k0));
  for (int64_t t = 0; t < kTile; ++t) {
    const uint8_t* const from = RowOfX(tile, Min(m + t, m1 - 1)) + 2 * k0;
    __builtin_memcpy(copy->parts[0][t], from, bytes);
    __builtin_memcpy(copy->parts[1][t], from + SplitLowOffset(tile.k), bytes);
  }
  OperandsWritten();
  tokens.parts[0] = copy->parts[0];
  tokens.parts[1] = copy->parts[1];
  tokens.stride_bytes = kHalfChunk * 2;
  return tokens;
}

// 32 rows of x by two panels, one chunk of k. Sums are [16], kPassRows apart.
template <bool kIsF16>
CONCORD_INLINE void MultiplyPair(const TokenTile& a, const TokenTile& b, const ManyScratch& w, int64_t chunk,
                                 bool first, float* a_sums, float* b_sums) {
  constexpr int64_t kSumStride = kPassRows * 4;
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, a_sums, kSumStride);
    _tile_loadd(1, a_sums + kTile, kSumStride);
    _tile_loadd(2, b_sums, kSumStride);
    _tile_loadd(3, b_sums + kTile, kSumStride);
  }
  for (int64_t k = 0; k < chunk; k += kStep) {
    for (int part = 0; part < 2; ++part) {
      _tile_loadd(4, static_cast<const uint8_t*>(a.parts[part]) + 2 * k, a.stride_bytes);
      _tile_loadd(5, static_cast<const uint8_t*>(b.parts[part]) + 2 * k, b.stride_bytes);
      if (part == 0) {
        _tile_loadd(6, w.panels[0][0][k / 2], 64);
        _tile_loadd(7, w.panels[0][1][k / 2], 64);
      }
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
    if (kIsF16) {
      _tile_loadd(4, static_cast<const uint8_t*>(a.parts[0]) + 2 * k, a.stride_bytes);
      _tile_loadd(5, static_cast<const uint8_t*>(b.parts[0]) + 2 * k, b.stride_bytes);
      _tile_loadd(6, w.panels[1][0][k / 2], 64);
      _tile_loadd(7, w.panels[1][1][k / 2], 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, a_sums, kSumStride);
  _tile_stored(1, a_sums + kTile, kSumStride);
  _tile_stored(2, b_sums, kSumStride);
  _tile_stored(3, b_sums + kTile, kSumStride);
}

template <bool kIsF16>
CONCORD_INLINE void MakePanels(const LinearTile& tile, int64_t n0, int64_t k0, int64_t chunk, ManyScratch* scratch) {
  for (int64_t p = 0; p < 2; ++p) {
    const uint8_t* rows[kTile];
    for (int64_t r = 0; r < kTile; ++r) {
      const int64_t n = Min(n0 + p * kTile + r, tile.n_end - 1);
      rows[r] = static_cast<const uint8_t*>(tile.weights) + n * tile.row_stride_bytes;
    }
    if (!kIsF16) {
      InterleavePairs(rows, 2 * k0, chunk / 2, scratch->panels[0][p]);
      continue;
    }
    for (int64_t r = 0; r < kTile; ++r) {
      PartsOfWeights<true>(rows[r], k0, chunk, scratch->rows[0][r], kTile * kHalfChunk);
    }
    for (int part = 0; part < 2; ++part) {
      for (int64_t r = 0; r < kTile; ++r) rows[r] = reinterpret_cast<const uint8_t*>(scratch->rows[part][r]);
      InterleavePairs(rows, 0, chunk / 2, scratch->panels[part][p]);
    }
  }
}

template <bool kIsF16>
static void RunManyRows(const LinearTile& tile, int64_t m0, int64_t m1) {
  auto* scratch = static_cast<ManyScratch*>(tile.scratch);
  auto* copies = reinterpret_cast<CopiedTokens*>(scratch + 1);
  const int64_t tiles = TokenTiles(m1 - m0), tile_sums = kTile * kPassRows;
  auto* sums = reinterpret_cast<float*>(copies + tiles);  // [pass][tile][16][kPassRows]
  ConfigureTiles({kTile, 64}, {kTile, 64}, {kTile, 64});
  for (int64_t block = tile.n_begin, block_end; block < tile.n_end; block = block_end) {
    block_end = Min(block + kHalfBlockPasses * kPassRows, tile.n_end);
    for (int64_t k0 = 0; k0 < tile.k; k0 += kHalfChunk) {
      const int64_t chunk = Min(kHalfChunk, tile.k - k0);
      TokenTile x[kHalfTokens / kTile];
      for (int64_t t = 0; t < tiles; ++t) x[t] = TokensAt(tile, m0 + t * kTile, m1, k0, copies + t);
      float* at = sums;
      for (int64_t n = block; n < block_end; n += kPassRows, at += tiles * tile_sums) {
        MakePanels<kIsF16>(tile, n, k0, chunk, scratch);
        OperandsWritten();
        for (int64_t t = 0; t < tiles; t += 2) {
          const bool pair = t + 1 < tiles;
          MultiplyPair<kIsF16>(x[t], x[pair ? t + 1 : t], *scratch, chunk, k0 == 0, at + t * tile_sums,
                               pair ? at + (t + 1) * tile_sums : scratch->unused[0]);
        }
      }
    }
    WriteSums<kPassRows, kHalfBlockPasses>(tile, block, m0, m1, sums, tiles * tile_sums);
  }
  _tile_release();
}

template <bool kIsF16>
static void RunHalfTiles(const LinearTile& tile) {
  if (tile.m_end - tile.m_begin <= kTile) return RunFewRows<kIsF16>(tile);
  for (int64_t m0 = tile.m_begin; m0 < tile.m_end; m0 += kHalfTokens) {
    RunManyRows<kIsF16>(tile, m0, Min(m0 + kHalfTokens, tile.m_end));
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
