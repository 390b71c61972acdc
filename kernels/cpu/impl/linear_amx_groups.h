#pragma once

#include "kernels/cpu/impl/tiles_int8.h"

// "int8/32" with the tile unit: the whole sum of one group for 16 rows of x by 16 of W is one product, whose floats are
// added up by the vector side in the order of the definition.
//
// A product of 16 x 16 x 32 takes the unit 16 cycles, with the loads of its operands and the stores of its sums
// measured 23 (Emerald Rapids at 2.75 GHz). What follows is 3 vector instructions a row of x (4 with a minimum), two a
// cycle: 25 cycles. The two overlap little: 41 together in a loop of their own, with one panel's sums in
// registers; 59 with a row of x at a time by two panels. The kernel takes 80 to 90 with all around it; why so much more
// has not been found.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

template <typename F>
struct GroupUnit {
  static constexpr int kGroups = kChunk / 32;

  // A chunk of k of 16 rows of x.
  struct Tokens {
    UnitRows rows;
    alignas(64) float scale[kUnitTokens][kGroups];
    alignas(64) float sums[kUnitTokens][kGroups];  // of formats with a minimum

    CONCORD_INLINE_MEMBER void Put(int64_t t, const TokenRow& row, int64_t chunk) {
      const auto there = static_cast<__mmask8>((1u << chunk / 32) - 1u);
      _mm256_store_ps(scale[t], _mm256_maskz_loadu_ps(there, row.scale));
      if (F::kHasMin) _mm256_store_ps(sums[t], _mm256_maskz_loadu_ps(there, static_cast<const float*>(row.sums)));
    }
  };

  struct Scratch {
    Panel panels[kPassPanels];
    alignas(64) int32_t products[kGroups][kUnitTokens][kPanelRows];
  };

  static CONCORD_INLINE_MEMBER void MakePanel(const uint8_t* const* rows, int64_t k0, int64_t chunk, int64_t p,
                                              Scratch* scratch) {
    SignedPanelSink<F::kOffsetShift> sink{&scratch->panels[p]};
    PutScales(F{}, rows, k0 / F::kBlockElems, chunk / F::kBlockElems, &scratch->panels[p]);
    PutCodes(F{}, rows, k0 / F::kBlockElems, chunk / F::kBlockElems, &sink);
  }

  // 16 rows of x by a panel.
  struct Item {
    const Tokens* x;
    const Panel* panel;
    float* sums;  // [kUnitTokens] rows kUnitRows apart
  };

// The operands are asked for before the sums of an earlier product leave, which waits for that product.
#define CONCORD_START_PRODUCT(sum, a, b)                        \
  _tile_loadd(a, item.x->rows.q + 32 * g, item.x->rows.stride); \
  _tile_loadd(b, item.panel->q[8 * g], 64);                     \
  if (earlier != nullptr) _tile_stored(sum, earlier, 64);       \
  _tile_zero(sum);                                              \
  _tile_dpbssd(sum, a, b);                                      \
  break

  // Group g of the item, after the sums of the product four before it have left for `earlier`.
  static CONCORD_INLINE_MEMBER void Start(const Item& item, int g, int32_t (*earlier)[kPanelRows]) {
    switch (g % 4) {
      case 0:
        CONCORD_START_PRODUCT(0, 4, 6);
      case 1:
        CONCORD_START_PRODUCT(1, 5, 7);
      case 2:
        CONCORD_START_PRODUCT(2, 4, 6);
      default:
        CONCORD_START_PRODUCT(3, 5, 7);
    }
  }
#undef CONCORD_START_PRODUCT

  static CONCORD_INLINE_MEMBER void Add(const Item& item, int g, const int32_t (*products)[kPanelRows], VecF* acc) {
    const VecF w_scale = Load(item.panel->scale[g]);
    const VecF neg_min = F::kHasMin ? Load(item.panel->neg_min[g]) : VecF{};
    CONCORD_UNROLL for (int t = 0; t < kUnitTokens; ++t) {
      acc[t] = Fma(ToFloat(LoadAs<VecI>(products[t])), w_scale * Set(item.x->scale[t][g]), acc[t]);
      if (F::kHasMin) acc[t] = Fma(neg_min, Set(item.x->sums[t][g]), acc[t]);
    }
  }

  // All rows of x by two panels, a chunk of k. The unit is an item of eight products ahead of the vector side, and
  // their sums are stored four products before they are added. In the last chunk products of groups that are not there
  // are of leftover bytes; they are not added.
  static void MultiplyPanels(const Tokens* x, int64_t token_tiles, int64_t chunk, bool first, Scratch* scratch,
                             float* sums) {
    const int64_t groups = chunk / 32, items = token_tiles * kPassPanels;
    const auto item_at = [&](int64_t i) {  // past the end the last one again: the price of a simple loop
      i = Min(i, items - 1);
      const int64_t t = i / kPassPanels, p = i % kPassPanels;
      return Item{x + t, scratch->panels + p, sums + t * kUnitTokens * kUnitRows + p * kPanelRows};
    };
    const __mmask16 before = first ? 0 : 0xffff;
    CONCORD_UNROLL for (int g = 0; g < kGroups; ++g) {
      Start(item_at(0), g, g < 4 ? nullptr : scratch->products[g - 4]);
    }
    for (int64_t i = 0; i < items; ++i) {
      const Item item = item_at(i), next = item_at(i + 1);
      VecF acc[kUnitTokens];
      CONCORD_UNROLL for (int t = 0; t < kUnitTokens; ++t) {
        acc[t] = (VecF)_mm512_maskz_loadu_ps(before, item.sums + t * kUnitRows);
      }
      CONCORD_UNROLL for (int g = 0; g < kGroups; ++g) {
        Start(next, g, scratch->products[(g + 4) % kGroups]);
        if (g < groups) Add(item, g, scratch->products[g], acc);
      }
      CONCORD_UNROLL for (int t = 0; t < kUnitTokens; ++t) Store(item.sums + t * kUnitRows, acc[t]);
    }
  }
};

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
