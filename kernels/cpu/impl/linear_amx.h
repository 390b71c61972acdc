#pragma once

#include "kernels/cpu/impl/linear_amx_blocks.h"
#include "kernels/cpu/impl/linear_amx_groups.h"

// linear in int8 with the tile unit (AMX): panels of W, a chunk of k each, meet all rows of x while they are in L1. The
// whole sums are exact and those of floats are written in the same order as elsewhere, so the bits are the same too.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

template <typename F>
using UnitOf = std::conditional_t<kBlockScale<F>, BlockUnit<F>, GroupUnit<F>>;

// Scratch for up to kPassTokens rows of x, one after the other.
template <typename Unit>
struct UnitBuffers {
  typename Unit::Scratch* scratch;
  typename Unit::Tokens* x;  // [chunks of k][token tiles]
  UnitCopy* copies;          // [token tiles]
  float* sums;               // [token tiles * 16][kUnitRows]

  static int64_t Bytes(int64_t k, int64_t m) {
    constexpr auto kPiece = static_cast<int64_t>(sizeof(typename Unit::Tokens));
    const int64_t sums = kUnitTokens * kUnitRows * 4, copy = static_cast<int64_t>(sizeof(UnitCopy));
    return static_cast<int64_t>(sizeof(typename Unit::Scratch)) + UnitTiles(m) * (UnitChunks(k) * kPiece + copy + sums);
  }
  UnitBuffers(void* memory, int64_t k, int64_t m) {
    scratch = static_cast<typename Unit::Scratch*>(memory);
    x = reinterpret_cast<typename Unit::Tokens*>(scratch + 1);
    copies = reinterpret_cast<UnitCopy*>(x + UnitChunks(k) * UnitTiles(m));
    sums = reinterpret_cast<float*>(copies + UnitTiles(m));
  }
};

// What goes with 16 rows of x, for all of k. Each record is gone through once: rows lie in pages of memory of their
// own, and a look into each for every chunk was a sixth of the time.
template <typename F, typename Tokens>
CONCORD_INLINE void TokensOf(const LinearTile& tile, int64_t m, int64_t m_end, int64_t token_tiles, Tokens* out) {
  for (int64_t t = 0; t < kUnitTokens; ++t) {  // past the end the last one again; those results are not written
    for (int64_t k0 = 0; k0 < tile.k; k0 += kChunk, out += token_tiles) {
      out->Put(t, RowAt<F>(tile, Min(m + t, m_end - 1), k0), Min(kChunk, tile.k - k0));
    }
    out -= UnitChunks(tile.k) * token_tiles;
  }
}

// And where a chunk of them is read, kChunk bytes of each row even where there are fewer.
template <typename F>
CONCORD_INLINE UnitRows RowsOf(const LinearTile& tile, int64_t m, int64_t m_end, int64_t k0, UnitCopy* copy) {
  const int64_t chunk = Min(kChunk, tile.k - k0);
  if (tile.x_rows == nullptr && m + kUnitTokens <= m_end && chunk == kChunk) {
    return {RowAt<F>(tile, m, k0).q, tile.x_stride_bytes};
  }
  for (int64_t t = 0; t < kUnitTokens; ++t) {
    const int8_t* const q = RowAt<F>(tile, Min(m + t, m_end - 1), k0).q;
    for (int64_t i = 0; i < chunk; i += 32) __builtin_memcpy(copy->q[t] + i, q + i, 32);
  }
  return {copy->q[0], kChunk};
}

// The part of W that the next pass will read is asked for while this one computes; 64 bytes a request.
template <typename F>
CONCORD_INLINE void PrefetchNext(const LinearTile& tile, const uint8_t* const* rows, int64_t k0, int64_t chunk) {
  const int64_t begin = k0 / F::kBlockElems * F::kBlockBytes + kPassRows * tile.row_stride_bytes;
  const int64_t end = begin + chunk / F::kBlockElems * F::kBlockBytes;
  for (int64_t r = 0; r < kPanelRows; ++r) {
    for (int64_t at = begin; at < end; at += 64) PrefetchFar(rows[r] + at);
  }
}

template <typename F>
CONCORD_INLINE void MakePanels(const LinearTile& tile, int64_t n0, int64_t k0, typename UnitOf<F>::Scratch* scratch) {
  const auto* weights = static_cast<const uint8_t*>(tile.weights);
  const int64_t chunk = Min(kChunk, tile.k - k0);
  for (int64_t p = 0; p < kPassPanels; ++p) {
    const uint8_t* rows[kPanelRows];
    for (int64_t r = 0; r < kPanelRows; ++r) {  // past the end the last one again
      rows[r] = weights + Min(n0 + p * kPanelRows + r, tile.n_end - 1) * tile.row_stride_bytes;
    }
    PrefetchNext<F>(tile, rows, k0, chunk);
    UnitOf<F>::MakePanel(rows, k0, chunk, p, scratch);
  }
  OperandsWritten();
}

// Rows [m0, m1) of x, at most kPassTokens.
template <typename F>
static void RunTiles(const LinearTile& tile, int64_t m0, int64_t m1, const UnitBuffers<UnitOf<F>>& buffers) {
  const int64_t token_tiles = UnitTiles(m1 - m0);
  for (int64_t t = 0; t < token_tiles; ++t) {
    TokensOf<F>(tile, m0 + t * kUnitTokens, m1, token_tiles, buffers.x + t);
  }
  for (int64_t n0 = tile.n_begin; n0 < tile.n_end; n0 += kUnitRows) {
    for (int64_t k0 = 0; k0 < tile.k; k0 += kChunk) {
      auto* const x = buffers.x + k0 / kChunk * token_tiles;
      for (int64_t t = 0; t < token_tiles; ++t) {
        x[t].rows = RowsOf<F>(tile, m0 + t * kUnitTokens, m1, k0, buffers.copies + t);
      }
      for (int64_t n = n0; n < Min(n0 + kUnitRows, tile.n_end); n += kPassRows) {
        MakePanels<F>(tile, n, k0, buffers.scratch);
        UnitOf<F>::MultiplyPanels(x, token_tiles, Min(kChunk, tile.k - k0), k0 == 0, buffers.scratch,
                                  buffers.sums + n - n0);
      }
    }
    WriteSums<kUnitRows>(tile, n0, m0, m1, buffers.sums);
  }
}

template <typename F>
static void RunInt8Amx(const LinearTile& tile) {
  // So few rows are bound by the decoding of W, to which the way through tiles adds, and fill one tile and a half
  // (the bits are the same). GOPS of a core without and with tiles, q4_k: 16 rows 215 and 179, 32 rows 328 and 421;
  // q8_0: 16 rows 177 and 144, 32 rows 222 and 227.
  constexpr int64_t kTooFew = 24;
  const int64_t m = tile.m_end - tile.m_begin;
  if (m <= kTooFew) return RunInt8<F>(tile);
  const UnitBuffers<UnitOf<F>> buffers(tile.scratch, tile.k, m);
  constexpr int64_t kRows = kBlockScale<F> ? 64 : 32;  // bytes of k of a product
  ConfigureTiles({kUnitTokens, 64}, {kUnitTokens, kRows}, {kRows / 4, 64});
  for (int64_t m0 = tile.m_begin; m0 < tile.m_end; m0 += kPassTokens) {
    RunTiles<F>(tile, m0, Min(m0 + kPassTokens, tile.m_end), buffers);
  }
  _tile_release();
}

template <typename F>
static int64_t Int8AmxScratch(int64_t k, int64_t m) {
  return Max(Int8ScratchBytes(k, m), UnitBuffers<UnitOf<F>>::Bytes(k, m));
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
