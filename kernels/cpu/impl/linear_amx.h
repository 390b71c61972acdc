#pragma once

#include "kernels/cpu/impl/linear_int8.h"
#include "kernels/cpu/impl/tiles.h"

// linear in "int8/32" with the tile unit (AMX): the integer sum of one group for 16 rows of x by 16 of W is one
// instruction, which leaves the sums of floats as the work. Panels are those of the vector code without offsets: 4
// bytes of k a lane are just what the unit wants of its second operand. The integer sums are exact and the sums of
// floats are written in the same order, so the bits are the same too.
//
// A product of 16 x 16 x 32 takes the unit 16 cycles. Bringing its sums to the vector registers is 16 stores and 16
// loads, and what follows 3 vector instructions a row of x (4 with a minimum), two a cycle: 24 to 32 cycles. So the
// unit works on the next item while the vector side adds up this one, from two buffers that stay in L1.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

constexpr int64_t kTokenTile = 16;        // rows of x an instruction
constexpr int64_t kGroups = kChunk / 32;  // of a chunk: 8 KiB of integer sums, twice
// Rows of W that one packed piece of x serves: their sums, 256 KiB for kPassTokens, stay in L2 beside the piece (160
// KiB).
constexpr int64_t kBlockPasses = 4;

// 16 rows of x, one chunk of k.
struct PackedTokens {
  alignas(64) int8_t q[kTokenTile][kChunk];
  alignas(64) float scale[kChunk / 32][kTokenTile];
  alignas(64) float sums[kChunk / 32][kTokenTile];  // of formats with a minimum
};

struct AmxScratch {
  Panel panels[kPassPanels];
  alignas(64) int32_t products[2][kGroups][kTokenTile][kPanelRows];
};

template <typename F>
CONCORD_INLINE void PackTokens(const LinearTile& tile, int64_t m, int64_t m_end, int64_t k0, PackedTokens* out) {
  const int64_t chunk = Min(kChunk, tile.k - k0);
  const uint8_t *scale[kTokenTile], *sums[kTokenTile];
  for (int64_t t = 0; t < kTokenTile; ++t) {  // past the end the last one again; those results are not written
    const TokenRow row = RowAt<F>(tile, Min(m + t, m_end - 1), k0);
    for (int64_t i = 0; m + t < m_end && i < chunk; i += 32) __builtin_memcpy(out->q[t] + i, row.q + i, 32);
    scale[t] = reinterpret_cast<const uint8_t*>(row.scale);
    sums[t] = static_cast<const uint8_t*>(row.sums);
  }
  // Four dwords a turn; what is read past the last one lies in the same record.
  const auto transpose = [&](const uint8_t* const* rows, float(*to)[kTokenTile]) {
    for (int64_t i = 0; i < chunk / 32; i += 4) {
      const Dwords4 columns = LoadColumns(rows, 4 * i);
      for (int64_t j = 0; j < Min(4, chunk / 32 - i); ++j) _mm512_store_si512(to[i + j], columns.v[j]);
    }
  };
  transpose(scale, out->scale);
  if (F::kHasMin) transpose(sums, out->sums);
}

// 16 rows of x by one panel, one chunk of k.
struct AmxItem {
  const PackedTokens* x;
  const Panel* panel;
  float* sums;  // [kTokenTile] rows kPassRows apart
};

#define CONCORD_MULTIPLY_TILES(sum, a, b)   \
  _tile_zero(sum);                          \
  _tile_loadd(a, item.x->q[0] + k, kChunk); \
  _tile_loadd(b, item.panel->q[k / 4], 64); \
  _tile_dpbssd(sum, a, b)

// Starts the sums of group g.
template <typename P>
CONCORD_INLINE void StartGroup(const AmxItem& item, int64_t g) {
  const int64_t k = g * P::kGroup;
  switch (g % 4) {
    case 0:
      CONCORD_MULTIPLY_TILES(0, 4, 6);
      break;
    case 1:
      CONCORD_MULTIPLY_TILES(1, 5, 7);
      break;
    case 2:
      CONCORD_MULTIPLY_TILES(2, 4, 6);
      break;
    default:
      CONCORD_MULTIPLY_TILES(3, 5, 7);
  }
}
#undef CONCORD_MULTIPLY_TILES

CONCORD_INLINE void StoreGroup(int64_t g, int32_t (*products)[kPanelRows]) {
  switch (g % 4) {
    case 0:
      _tile_stored(0, products, 64);
      break;
    case 1:
      _tile_stored(1, products, 64);
      break;
    case 2:
      _tile_stored(2, products, 64);
      break;
    default:
      _tile_stored(3, products, 64);
  }
}

template <typename P>
CONCORD_INLINE void AddGroup(const AmxItem& item, int64_t g, const int32_t (*products)[kPanelRows], VecF* acc) {
  const VecF w_scale = Load(item.panel->scale[g]);
  const VecF neg_min = P::kHasMin ? Load(item.panel->neg_min[g]) : VecF{};
  CONCORD_UNROLL for (int t = 0; t < kTokenTile; ++t) {
    acc[t] = Fma(ToFloat(LoadAs<VecI>(products[t])), w_scale * Set(item.x->scale[g][t]), acc[t]);
    if (P::kHasMin) acc[t] = Fma(neg_min, Set(item.x->sums[g][t]), acc[t]);
  }
}

// All rows of x, packed, by up to two panels: one chunk of k of one pass. A product takes 52 cycles from start to end,
// so it is started kAhead groups before its sums are stored, and stored an item before they are added.
template <typename P>
static void MultiplyPacked(const PackedTokens* x, int64_t token_tiles, int64_t panels, int64_t chunk, bool first,
                           AmxScratch* scratch, float* sums) {
  constexpr int kAhead = 2;
  const int64_t groups =
      chunk / P::kGroup;  // products of more than there are, in the last chunk, are of leftover bytes
  const int64_t items = token_tiles * panels;  // and are not added
  const auto item_at = [&](int64_t i) {        // past the end the last one again: the price of a simple loop
    i = Min(i, items - 1);
    const int64_t panel = i % panels, t = i / panels;
    return AmxItem{x + t, scratch->panels + panel, sums + t * kTokenTile * kPassRows + panel * kPanelRows};
  };
  AmxItem item = item_at(0), next = item_at(1);
  CONCORD_UNROLL for (int g = 0; g < kGroups; ++g) {
    StartGroup<P>(item, g);
    StoreGroup(g, scratch->products[0][g]);
  }
  CONCORD_UNROLL for (int g = 0; g < kAhead; ++g) StartGroup<P>(next, g);
  for (int64_t i = 0; i < items; ++i) {
    const AmxItem after_next = item_at(i + 2);
    VecF acc[kTokenTile];
    CONCORD_UNROLL for (int t = 0; t < kTokenTile; ++t) acc[t] = first ? VecF{} : Load(item.sums + t * kPassRows);
    CONCORD_UNROLL for (int g = 0; g < kGroups; ++g) {
      StoreGroup(g, scratch->products[(i + 1) % 2][g]);
      StartGroup<P>(g + kAhead < kGroups ? next : after_next, (g + kAhead) % kGroups);
      if (g < groups) AddGroup<P>(item, g, scratch->products[i % 2][g], acc);
    }
    CONCORD_UNROLL for (int t = 0; t < kTokenTile; ++t) Store(item.sums + t * kPassRows, acc[t]);
    item = next;
    next = after_next;
  }
}

struct AmxBuffers {
  AmxScratch* scratch;
  PackedTokens* x;  // token tiles of one chunk, or all chunks of one token tile
  float* sums;      // [kBlockPasses][token tiles * 16][kPassRows]
};

// Enough for m rows of x and for any fewer.
CONCORD_INLINE int64_t PackedPieces(int64_t k, int64_t m) {
  return Max((k + kChunk - 1) / kChunk, (Min(m, kPassTokens) + kTokenTile - 1) / kTokenTile);
}

CONCORD_INLINE int64_t AmxScratchBytes(int64_t k, int64_t m) {
  const int64_t token_tiles = (Min(m, kPassTokens) + kTokenTile - 1) / kTokenTile;
  return static_cast<int64_t>(sizeof(AmxScratch)) + PackedPieces(k, m) * static_cast<int64_t>(sizeof(PackedTokens)) +
         kBlockPasses * token_tiles * kTokenTile * kPassRows * 4;
}

template <typename F>
CONCORD_INLINE void AmxPass(const LinearTile& tile, int64_t n0, int64_t m0, int64_t m1, int64_t k0,
                            const PackedTokens* x, AmxScratch* scratch, float* sums) {
  const int64_t chunk = Min(kChunk, tile.k - k0);
  const int64_t panels = tile.n_end - n0 > kPanelRows ? kPassPanels : 1;
  const auto* weights = static_cast<const uint8_t*>(tile.weights);
  for (int64_t p = 0; p < panels; ++p) {
    const uint8_t* rows[kPanelRows];
    for (int64_t r = 0; r < kPanelRows; ++r) {
      rows[r] = weights + Min(n0 + p * kPanelRows + r, tile.n_end - 1) * tile.row_stride_bytes;
    }
    PrefetchNext<F>(rows, kPanelRows, kPassRows * tile.row_stride_bytes, k0, chunk);
    SignedPanelSink<F::kOffsetShift> sink{&scratch->panels[p]};
    PutScales(F{}, rows, k0 / F::kBlockElems, chunk / F::kBlockElems, &scratch->panels[p]);
    PutCodes(F{}, rows, k0 / F::kBlockElems, chunk / F::kBlockElems, &sink);
  }
  OperandsWritten();
  using P = KindOf<F>;
  const int64_t m = m1 - m0, token_tiles = (m + kTokenTile - 1) / kTokenTile;
  MultiplyPacked<P>(x, token_tiles, panels, chunk, k0 == 0, scratch, sums);
}

// Rows [m0, m1) of x, more than one. x is packed a chunk at a time for kBlockPasses * kPassRows rows of W; a single
// tile of rows is packed whole beforehand, and W streams past it a pass at a time.
template <typename F>
static void RunInt8Tiles(const LinearTile& tile, int64_t m0, int64_t m1, const AmxBuffers& buffers) {
  const int64_t token_tiles = (m1 - m0 + kTokenTile - 1) / kTokenTile;
  const bool single = token_tiles == 1;
  const int64_t rows = Min(m1 - m0, kTokenTile);
  ConfigureTiles({rows, 64}, {rows, F::kGroup}, {F::kGroup / 4, 64});
  if (single) {
    for (int64_t k0 = 0; k0 < tile.k; k0 += kChunk) PackTokens<F>(tile, m0, m1, k0, buffers.x + k0 / kChunk);
  }
  const int64_t pass_sums = token_tiles * kTokenTile * kPassRows;
  const int64_t block = single ? kPassRows : kBlockPasses * kPassRows;
  for (int64_t n0 = tile.n_begin; n0 < tile.n_end; n0 += block) {
    const int64_t n1 = Min(n0 + block, tile.n_end);
    for (int64_t k0 = 0; k0 < tile.k; k0 += kChunk) {
      for (int64_t t = 0; t < token_tiles && !single; ++t) {
        PackTokens<F>(tile, m0 + t * kTokenTile, m1, k0, buffers.x + t);
      }
      const PackedTokens* const x = buffers.x + (single ? k0 / kChunk : 0);
      for (int64_t n = n0; n < n1; n += kPassRows) {
        AmxPass<F>(tile, n, m0, m1, k0, x, buffers.scratch, buffers.sums + (n - n0) / kPassRows * pass_sums);
      }
    }
    for (int64_t n = n0; n < n1; n += kPassRows) {
      WriteSums(tile, n, m0, m1, buffers.sums + (n - n0) / kPassRows * pass_sums);
    }
  }
  _tile_release();
}

template <typename F>
static void RunGroupsAmx(const LinearTile& tile) {
  // So few rows are bound by the decoding of W, and the way through tiles only adds to it (the bits are the same).
  constexpr int64_t kTooFew = 8;
  if (tile.m_end - tile.m_begin <= kTooFew) return RunInt8<F>(tile);
  auto* at = static_cast<char*>(tile.scratch);
  AmxBuffers buffers;
  buffers.scratch = reinterpret_cast<AmxScratch*>(at);
  buffers.x = reinterpret_cast<PackedTokens*>(at + sizeof(AmxScratch));
  buffers.sums = reinterpret_cast<float*>(buffers.x + PackedPieces(tile.k, tile.m_end - tile.m_begin));
  for (int64_t m0 = tile.m_begin; m0 < tile.m_end; m0 += kPassTokens) {
    RunInt8Tiles<F>(tile, m0, Min(m0 + kPassTokens, tile.m_end), buffers);
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
