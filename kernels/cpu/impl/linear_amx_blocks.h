#pragma once

#include "kernels/cpu/impl/tiles_int8.h"

// "int8/256" with the tile unit. The sum of a block is a whole number, sum(scale_code * code * q), so it may be put
// together in any way, and here the unit does all of it: panels hold the products of codes and their scale, which are
// up to 14 bits, as two bytes of their own, the low seven bits and what is above, and a tile of sums goes through a
// whole block before it leaves the unit.
//
// 16 rows of x by two panels by a block cost the unit 4 x 4 products of 16 cycles, 256 in all, and with the loads and
// stores of tiles measured 380 to 410 (Emerald Rapids at 2.75 GHz). The vector side has 7 to 12 instructions for each
// register of sums, two a cycle: 112 to 192 cycles. The two overlap little, since loads and stores of tiles are many
// small steps each, which keep everything behind them waiting: 870 cycles with all around it, of which a fifth goes
// away (at 256 rows of x) where W is not decoded.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// A block of k of 16 rows of x.
struct BlockTokens {
  UnitRows rows;
  alignas(64) float scale[kUnitTokens];
  alignas(64) int16_t sums[kUnitTokens][kChunk / 16];  // a group
};

// A panel whose q are the low seven bits of products of codes and scales.
struct ProductPanel {
  Panel low;
  alignas(64) int8_t high[kChunk / 4][kPanelRows][4];  // what is above them
};

// Only q2_k, with codes up to 3 and scales up to 15, has products of seven bits.
template <typename F>
constexpr int kProductParts = std::is_same_v<F, FormatQ2K> ? 1 : 2;

// Takes codes (panel_avx512.h), of any unsigned byte, and makes products of them.
template <typename F>
struct ProductSink {
  ProductPanel* panel;
  // The scale of each group in the low, and in the high byte of both words of a lane, and times the offset.
  __m512i even[kChunk / F::kGroup], odd[kChunk / F::kGroup], offset[kChunk / F::kGroup];

  CONCORD_INLINE_MEMBER explicit ProductSink(ProductPanel* to) : panel(to) {
    const __m512i to_even = _mm512_set1_epi32(static_cast<int>(0x80008000u));
    const __m512i to_odd = _mm512_set1_epi32(0x00800080), to_both = _mm512_set1_epi32(0x01000100);
    const auto spread = [](__m512i v, __m512i bytes) {  // bytes of each lane, taken from its own
      const __m512i lane = _mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0);
      return _mm512_shuffle_epi8(v, _mm512_or_si512(bytes, lane));
    };
    CONCORD_UNROLL for (int g = 0; g < kChunk / F::kGroup; ++g) {
      const __m512i scale = _mm512_load_si512(panel->low.scale_codes[g]);
      even[g] = spread(scale, to_even);
      odd[g] = spread(scale, to_odd);
      if (F::kOffsetShift >= 0) offset[g] = _mm512_slli_epi16(spread(scale, to_both), F::kOffsetShift & 31);
    }
  }

  CONCORD_INLINE_MEMBER void Put(int64_t i, __m512i v) {
    const int64_t g = 4 * i / F::kGroup;
    const __mmask64 odd_bytes = 0xaaaaaaaaaaaaaaaau;
    __m512i a = _mm512_maddubs_epi16(v, even[g]), b = _mm512_maddubs_epi16(v, odd[g]);
    if (F::kOffsetShift >= 0) a = _mm512_sub_epi16(a, offset[g]), b = _mm512_sub_epi16(b, offset[g]);
    const __m512i low = _mm512_mask_blend_epi8(odd_bytes, a, _mm512_slli_epi16(b, 8));
    if constexpr (kProductParts<F> == 1) {
      _mm512_store_si512(panel->low.q[i], low);
    } else {
      _mm512_store_si512(panel->low.q[i], _mm512_and_si512(low, Bytes512(0x7f)));
      const __m512i high = _mm512_mask_blend_epi8(odd_bytes, _mm512_srli_epi16(a, 7), _mm512_slli_epi16(b, 1));
      _mm512_store_si512(panel->high[i], high);
    }
  }
};

// A quarter of a block: 64 elements of k of 16 rows of x by two panels.
template <int kParts>
CONCORD_INLINE void MultiplyQuarter(const UnitRows& x, const ProductPanel* panels, int i) {
  _tile_loadd(4, x.q + 64 * i, x.stride);
  _tile_loadd(5, panels[0].low.q[16 * i], 64);
  _tile_dpbssd(0, 4, 5);
  _tile_loadd(6, panels[1].low.q[16 * i], 64);
  _tile_dpbssd(1, 4, 6);
  if constexpr (kParts == 2) {
    _tile_loadd(7, panels[0].high[16 * i], 64);
    _tile_dpbssd(2, 4, 7);
    _tile_loadd(5, panels[1].high[16 * i], 64);
    _tile_dpbssd(3, 4, 5);
  }
}
template <int kParts>
CONCORD_INLINE void ClearSums() {
  _tile_zero(0);
  _tile_zero(1);
  if constexpr (kParts == 2) {
    _tile_zero(2);
    _tile_zero(3);
  }
}
template <int kParts>
CONCORD_INLINE void StoreSums(int32_t (*products)[2][kUnitTokens][kPanelRows]) {
  _tile_stored(0, products[0][0], 64);
  _tile_stored(1, products[1][0], 64);
  if constexpr (kParts == 2) {
    _tile_stored(2, products[0][1], 64);
    _tile_stored(3, products[1][1], 64);
  }
}

// What sums of a panel are scaled by, in registers.
template <typename P>
struct PanelScales {
  VecF scale, neg_min;
  VecI min_codes[kChunk / P::kGroup / 2];

  CONCORD_INLINE_MEMBER explicit PanelScales(const Panel& panel) : scale(Load(panel.scale[0])) {
    if (P::kHasMin) {
      neg_min = Load(panel.neg_min[0]);
      CONCORD_UNROLL for (int i = 0; i < kChunk / P::kGroup / 2; ++i) min_codes[i] = LoadAs<VecI>(panel.min_codes[i]);
    }
  }
};

// Adds a block's part to the sums of row t of x: kPassRows of them. `before`: lanes that have sums already.
template <typename P, int kParts>
CONCORD_INLINE void AddProducts(const BlockTokens& x, int64_t t, const PanelScales<P>* panels,
                                const int32_t (*products)[2][kUnitTokens][kPanelRows], __mmask16 before, float* sums) {
  CONCORD_UNROLL for (int p = 0; p < kPassPanels; ++p) {
    VecI whole = LoadAs<VecI>(products[p][0][t]);
    if constexpr (kParts == 2) whole += LoadAs<VecI>(products[p][1][t]) << 7;
    VecF part = ToFloat(whole) * panels[p].scale;
    if constexpr (P::kHasMin) {
      __m512i mins = {};
      CONCORD_UNROLL for (int i = 0; i < kChunk / P::kGroup / 2; ++i) {
        int32_t two;
        __builtin_memcpy(&two, &x.sums[t][2 * i], 4);
        mins = AddDotWords(mins, (__m512i)panels[p].min_codes[i], _mm512_set1_epi32(two));
      }
      part = Fma(ToFloat((VecI)mins), panels[p].neg_min, part);
    }
    float* const at = sums + p * kPanelRows;
    Store(at, Fma(part, Set(x.scale[t]), (VecF)_mm512_maskz_loadu_ps(before, at)));
  }
}

template <typename F>
struct BlockUnit {
  using P = KindOf<F>;
  static constexpr int kParts = kProductParts<F>;
  // The unit is so many tiles of rows ahead of the vector side, which need not wait then until the last of a tile's
  // products, of 52 cycles each, have left the unit.
  static constexpr int64_t kAhead = 2;

  struct Tokens : BlockTokens {
    CONCORD_INLINE_MEMBER void Put(int64_t t, const TokenRow& row, int64_t) {
      scale[t] = row.scale[0];
      if (F::kHasMin) __builtin_memcpy(sums[t], row.sums, kChunk / F::kGroup * 2);
    }
  };

  struct Scratch {
    ProductPanel panels[kPassPanels];
    // Low and high.
    alignas(64) int32_t products[kAhead + 1][kPassPanels][2][kUnitTokens][kPanelRows];
  };

  static CONCORD_INLINE_MEMBER void MakePanel(const uint8_t* const* rows, int64_t k0, int64_t, int64_t p,
                                              Scratch* scratch) {
    PutScales(F{}, rows, k0 / kChunk, 1, &scratch->panels[p].low);
    ProductSink<F> sink(&scratch->panels[p]);
    PutCodes(F{}, rows, k0 / kChunk, 1, &sink);
  }

  // All rows of x by two panels.
  static void MultiplyPanels(const Tokens* x, int64_t token_tiles, int64_t, bool first, Scratch* scratch, float* sums) {
    const ProductPanel* const panels = scratch->panels;
    const PanelScales<P> scales[kPassPanels] = {PanelScales<P>(panels[0].low), PanelScales<P>(panels[1].low)};
    const __mmask16 before = first ? 0 : 0xffff;
    for (int64_t t = 0; t < Min(kAhead, token_tiles); ++t) {
      ClearSums<kParts>();
      CONCORD_UNROLL for (int i = 0; i < 4; ++i) MultiplyQuarter<kParts>(x[t].rows, panels, i);
      StoreSums<kParts>(scratch->products[t]);
    }
    for (int64_t t = 0; t < token_tiles; ++t, sums += kUnitTokens * kUnitRows) {
      const auto* const from = scratch->products[t % (kAhead + 1)];
      const bool more = t + kAhead < token_tiles;
      if (more) ClearSums<kParts>();
      CONCORD_UNROLL for (int i = 0; i < 4; ++i) {
        if (more) MultiplyQuarter<kParts>(x[t + kAhead].rows, panels, i);
        CONCORD_UNROLL for (int j = 4 * i; j < 4 * i + 4; ++j) {
          AddProducts<P, kParts>(x[t], j, scales, from, before, sums + j * kUnitRows);
        }
      }
      if (more) StoreSums<kParts>(scratch->products[(t + kAhead) % (kAhead + 1)]);
    }
  }
};

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
