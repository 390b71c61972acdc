#pragma once

#include "kernels/cpu/impl/dot_bytes.h"
#include "kernels/cpu/impl/formats.h"
#include "kernels/cpu/impl/token_row.h"
#if defined(__AVX512F__)
#include "kernels/cpu/impl/linear_row_avx512.h"
#endif

// linear in int8: panels of W are decoded into L1 and multiplied with all rows of x of the tile.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// AVX-512: 2 panels * 6 rows of x, an integer and a float sum each, make 24 registers; 8 are left for W and scales.
// With sums that start at an offset a group of 32 that is too few for gcc, which spills (349 GOPS a core of 461 on Zen
// 4), so 5 rows (372); groups of 16 are better with 6 (302 against 265), as their sums leave more often, and so are
// blocks without an offset (355 against 346 for 256 rows of x at q4_k). NEON: 1 panel * 3 rows of x, 4 registers an
// integer and a float sum each, make 24 as well; 8 are left for a quarter of W, the bytes of x and scales. 4 loads of W
// and 3 of x then feed 12 products, as many as two load ports keep up with. AVX2: 1 panel * 4 rows of x have 8
// registers of integer sums; the float ones, needed once a group, may lie in memory. With fewer registers one panel by
// two rows is as much as it makes sense to unroll.
constexpr int kPassPanels = kWide ? 2 : 1;
template <typename P>
constexpr int kTileTokens = kWide     ? (P::kGroup == 16 || (P::kBlockScale && !P::kHasOffset) ? 6 : 5)
                            : kNeon   ? 3
                            : kHalves ? 4
                                      : 2;
constexpr int64_t kPassRows = kPassPanels * kPanelRows;  // rows of W at a time
// Rows of x at a time: their sums, 64 KiB, stay in L2.
constexpr int64_t kPassTokens = 512;
// Passes whose sums are written together, 256 KiB of them at most, so that of a row of y, which is seldom in cache and
// often in a page of its own, 512 bytes are written at a time (with 128, of 512 rows of x: 617 instead of 658 GOPS a
// core at q4_k on Zen 5).
constexpr int64_t kWritePasses = 4;

struct Int8Scratch {
  Panel panels[kPassPanels];
  alignas(64) float sums[1];  // [kWritePasses][rows of x, up to kPassTokens][kPassRows]
};

template <typename F>
CONCORD_INLINE void DecodePanel(const uint8_t* const* rows, int64_t first, int64_t count, Panel* panel) {
#if defined(__AVX512F__)
  PanelSink sink{panel};
  PutScales(F{}, rows, first, count, panel);
  PutCodes(F{}, rows, first, count, &sink);
#else
  DecodePanelByBlocks<F>(rows, first, count, panel);
#endif
}

// Parts of a group whose sums are words, so that one product of words multiplies them with a scale; 0: no such product.
// With VNNI that is one instruction instead of an addition and a multiplication of 32 bits, which on Intel is two, all
// on the pipes of byte products (420 instead of 380 GOPS a core at q4_k). Not where BF16 is as well, as on Zen 4: there
// the multiplication should have a pipe that byte products do not use, which has not been measured.
template <typename F>
constexpr int kWordParts = 0;
#if defined(__AVX512VNNI__) && !defined(__AVX512BF16__)
template <>
constexpr int kWordParts<FormatQ2K> = 1;  // 16 elements, up to 3 * 127 each
template <>
constexpr int kWordParts<FormatQ4K> = 2;  // 15 * 127
#endif

// What of a format the product depends on.
template <int kGroupElems, bool kOffset, bool kMin, bool kOneScale, int kPartsOfWords>
struct ProductKind {
  static constexpr int kWordParts = kPartsOfWords;
  static constexpr int kGroup = kGroupElems;
  static constexpr bool kHasOffset = kOffset;
  static constexpr bool kHasMin = kMin;
  static constexpr bool kBlockScale = kOneScale;
};
template <typename F>
using KindOf =
    ProductKind<F::kGroup, (F::kOffsetShift >= 0 && !kSignedCodes), F::kHasMin, kBlockScale<F>, kWordParts<F>>;

// A part of W that will be read later, asked for a little at a time while others are multiplied: all at once, requests
// would fill the queues and stall the loads behind them.
struct Ahead {
  const uint8_t* at;
  int64_t bytes;  // for each group of one call of MultiplyChunk
};

// What sums of groups become. "int8/32": floats, which go on in the next chunk.
struct GroupSums {
  template <typename P>
  static CONCORD_INLINE_MEMBER VecF Begin(bool first, const float* sums) {
    return first ? VecF{} : Load(sums);
  }
  template <typename P>
  static CONCORD_INLINE_MEMBER VecF Add(VecF acc, VecI dot, const Panel& panel, const TokenRow& x, int64_t g) {
    acc = Fma(ToFloat(dot), Load(panel.scale[g]) * Set(x.scale[0]), acc);
    return P::kHasMin ? Fma(Load(panel.neg_min[g]), Set(x.ScaledSum(0)), acc) : acc;
  }
  template <typename P, int kTokens, int kPanels>
  static CONCORD_INLINE_MEMBER void End(const VecF (&acc)[kTokens][kPanels], const Panel*, const uint8_t* const*,
                                        const RowParts&, bool, float* sums) {
    CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
      CONCORD_UNROLL for (int p = 0; p < kPanels; ++p) Store(sums + t * kPassRows + p * kPanelRows, acc[t][p]);
    }
  }
};
// "int8/256": a whole number, which is scaled at the end of the block.
struct BlockSums {
  template <typename P>
  static CONCORD_INLINE_MEMBER VecI Begin(bool, const float*) {
    return VecI{};
  }
  template <typename P>
  static CONCORD_INLINE_MEMBER VecI Add(VecI acc, VecI dot, const Panel& panel, const TokenRow&, int64_t g) {
    const auto scale = LoadAs<VecI>(panel.scale_codes[g]);
#if defined(__AVX512F__)  // the upper words are the sign of the sum, and 0 of a scale that has no sign
    if constexpr (P::kWordParts > 0) return (VecI)AddDotWords((__m512i)acc, (__m512i)dot, (__m512i)scale);
#endif
    return acc + dot * scale;
  }
  // All parts before the first store, behind which a compiler would have to load codes and scales again.
  template <typename P, int kTokens, int kPanels>
  static CONCORD_INLINE_MEMBER void End(const VecI (&acc)[kTokens][kPanels], const Panel* panels,
                                        const uint8_t* const* x, const RowParts& at, bool first, float* sums) {
    VecF part[kTokens][kPanels];
    CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
      VecI mins[kPanels] = {};
      CONCORD_UNROLL for (int i = 0; P::kHasMin && i < kChunk / P::kGroup / 2; ++i) {
        CONCORD_UNROLL for (int p = 0; p < kPanels; ++p) {
          mins[p] = DotWords(mins[p], panels[p].min_codes[i], RowOf(x[t], at).Sums(2 * i));
        }
      }
      CONCORD_UNROLL for (int p = 0; p < kPanels; ++p) {
        part[t][p] = ToFloat(acc[t][p]) * Load(panels[p].scale[0]);
        if (P::kHasMin) part[t][p] = Fma(ToFloat(mins[p]), Load(panels[p].neg_min[0]), part[t][p]);
      }
    }
    CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
      CONCORD_UNROLL for (int p = 0; p < kPanels; ++p) {
        float* sum = sums + t * kPassRows + p * kPanelRows;
        Store(sum, Fma(part[t][p], Set(RowOf(x[t], at).scale[0]), first ? VecF{} : Load(sum)));
      }
    }
  }
};

// kPanels * 16 rows of W by kTokens rows of x over one chunk of k, whose parts are `at` in each of the records. Four
// pointers a row would not fit the registers (q8_0 662 instead of 705 GOPS a core on Zen 5).
template <typename P, int kPanels, int kTokens>
static void MultiplyChunk(const Panel* panels, const uint8_t* const* x, RowParts at, int64_t chunk, int shift,
                          bool first, Ahead ahead, float* sums) {
  using Sums = std::conditional_t<P::kBlockScale, BlockSums, GroupSums>;
  constexpr int kParts = P::kWordParts > 0 ? P::kWordParts : 1, kFours = P::kGroup / 4 / kParts;
  static_assert(kParts == 1 || !P::kHasOffset, "the offset of a group goes into one part");
  std::conditional_t<P::kBlockScale, VecI, VecF> acc[kTokens][kPanels];
  CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
    CONCORD_UNROLL for (int p = 0; p < kPanels; ++p) {
      acc[t][p] = Sums::template Begin<P>(first, sums + t * kPassRows + p * kPanelRows);
    }
  }
  const RowParts begin = at;
  for (int64_t g = 0; g < chunk / P::kGroup; ++g) {
    for (int64_t i = 0; i < ahead.bytes; i += 64) PrefetchFar(ahead.at + g * ahead.bytes + i);
    CONCORD_UNROLL for (int part = 0; part < kParts; ++part) {
      VecI dot[kTokens][kPanels];
      CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
        const VecI start = P::kHasOffset ? SetI(RowOf(x[t], at).neg_sum[0]) << shift : VecI{};
        CONCORD_UNROLL for (int p = 0; p < kPanels; ++p) dot[t][p] = start;
      }
      CONCORD_UNROLL for (int i = part * kFours; i < (part + 1) * kFours; ++i) {
        CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
          CONCORD_UNROLL for (int p = 0; p < kPanels; ++p) {
            dot[t][p] = DotBytes(dot[t][p], panels[p].q[g * (P::kGroup / 4) + i], RowOf(x[t], at).q + 4 * i);
          }
        }
      }
      CONCORD_UNROLL for (int p = 0; p < kPanels; ++p) {
        CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
          acc[t][p] = Sums::template Add<P>(acc[t][p], dot[t][p], panels[p], RowOf(x[t], at), g);
        }
      }
    }
    at.q += P::kGroup, at.neg_sum += 4;
    if (!P::kBlockScale) at.scale += 4, at.sums += 4;
  }
  Sums::template End<P>(acc, panels, x, begin, first, sums);
}

template <typename P, int kPanels, int kTokens = kTileTokens<P>>
CONCORD_INLINE void MultiplyUpTo(int64_t n, const Panel* panels, const uint8_t* const* x, const RowParts& at,
                                 int64_t chunk, int shift, bool first, Ahead ahead, float* sums) {
  if constexpr (kTokens > 1) {
    if (n < kTokens) return MultiplyUpTo<P, kPanels, kTokens - 1>(n, panels, x, at, chunk, shift, first, ahead, sums);
  }
  MultiplyChunk<P, kPanels, kTokens>(panels, x, at, chunk, shift, first, ahead, sums);
}

// Many rows of x do not fit L2; the next few are asked for while these are multiplied.
template <typename F>
CONCORD_INLINE void PrefetchRow(const TokenRow& x, int64_t chunk) {
  for (int64_t at = 0; at < chunk; at += 64) PrefetchNear(x.q + at);
  PrefetchNear(x.scale);
  if (F::kHasMin) PrefetchNear(x.sums);
  if (F::kOffsetShift >= 0) PrefetchNear(x.neg_sum);
}

// `next`: where the rows of W begin that the next pass will read.
template <typename F, int kPanels>
CONCORD_INLINE void MultiplyTokens(const LinearTile& tile, const Panel* panels, const uint8_t* next, int64_t m0,
                                   int64_t m1, int64_t k0, float* sums) {
  constexpr int64_t kMost = kTileTokens<KindOf<F>>;
  const int64_t chunk = Min(kChunk, tile.k - k0);
  const RowParts at = PartsAt<F>(tile.k, k0);
  // Evenly: 8 rows are 4 and 4, as few loads of W a product as can be.
  const int64_t times = (m1 - m0 + kMost - 1) / kMost, step = (m1 - m0 + times - 1) / times;
  // The rows of the next pass in the order of addresses, over all groups of this one.
  Ahead ahead = {next + kPassRows * tile.row_stride_bytes * k0 / tile.k,
                 kPassRows * tile.row_stride_bytes / (tile.k / F::kGroup * times) + 1};
  for (int64_t m = m0; m < m1; m += step, ahead.at += ahead.bytes * (chunk / F::kGroup)) {
    const uint8_t* x[kMost];
    const int64_t n = Min(step, m1 - m);
    for (int64_t t = 0; t < n; ++t) x[t] = RowOfX(tile, m + t);
    for (int64_t t = m + step; t < Min(m + 2 * step, m1); ++t) PrefetchRow<F>(RowOf(RowOfX(tile, t), at), chunk);
    MultiplyUpTo<KindOf<F>, kPanels>(n, panels, x, at, chunk, F::kOffsetShift & 31, k0 == 0, ahead,
                                     sums + (m - m0) * kPassRows);
  }
}

// Results of kPasses passes of kRows rows of W, from row n0 on; the more, the more of a page of memory is written at a
// time. sums: [row of x][kRows] a pass, which are `stride` floats apart.
template <int64_t kRows = kPassRows, int64_t kPasses = 1>
CONCORD_INLINE void WriteSums(const LinearTile& tile, int64_t n0, int64_t m0, int64_t m1, const float* sums,
                              int64_t stride = 0) {
  constexpr int64_t kAhead = 12;  // rows of y, which are seldom in cache, and each in lines of its own
  const int64_t rows = Min(kRows * kPasses, tile.n_end - n0);
  for (int64_t m = m0; m < m1; ++m, sums += kRows) {
    if (m + kAhead < m1) {
      for (int64_t p = 0; p < rows; p += 16) PrefetchToWrite(RowOfY(tile, m + kAhead) + n0 + p);
    }
    float* y = RowOfY(tile, m) + n0;
    for (int64_t p = 0; p < rows; p += kPanelRows) {
      const int64_t lanes = Min(kPanelRows, rows - p);
      VecF v = Load(sums + p / kRows * stride + p % kRows);
      if (tile.bias != nullptr) v += LoadPart(tile.bias + n0 + p, lanes);
      StorePart(y + p, v, lanes);
    }
  }
}

// One chunk of k of one pass.
template <typename F>
CONCORD_INLINE void PassChunk(const LinearTile& tile, const uint8_t* const* rows, int64_t panels, int64_t m0,
                              int64_t m1, int64_t k0, Panel* decoded, float* sums) {
  const int64_t chunk = Min(kChunk, tile.k - k0);
  for (int64_t p = 0; p < panels; ++p) {
    DecodePanel<F>(rows + p * kPanelRows, k0 / F::kBlockElems, chunk / F::kBlockElems, &decoded[p]);
  }
  const uint8_t* next = rows[0] + kPassRows * tile.row_stride_bytes;
  if (panels == kPassPanels) {
    MultiplyTokens<F, kPassPanels>(tile, decoded, next, m0, m1, k0, sums);
  } else {
    MultiplyTokens<F, 1>(tile, decoded, next, m0, m1, k0, sums);
  }
}

// Rows [m0, m1) of x by kWritePasses passes from row n0 on.
template <typename F>
CONCORD_INLINE void RunPasses(const LinearTile& tile, int64_t n0, int64_t m0, int64_t m1, Int8Scratch* scratch) {
  const auto* weights = static_cast<const uint8_t*>(tile.weights);
  float* sums = scratch->sums;
  const int64_t stride = (m1 - m0) * kPassRows;
  for (int64_t n = n0; n < Min(n0 + kWritePasses * kPassRows, tile.n_end); n += kPassRows, sums += stride) {
    const int64_t panels = tile.n_end - n > kPanelRows ? kPassPanels : 1;
    // Rows past the end repeat the last one; their sums are not written.
    const uint8_t* rows[kPassRows];
    for (int64_t r = 0; r < kPassRows; ++r) rows[r] = weights + Min(n + r, tile.n_end - 1) * tile.row_stride_bytes;
    for (int64_t k0 = 0; k0 < tile.k; k0 += kChunk) PassChunk<F>(tile, rows, panels, m0, m1, k0, scratch->panels, sums);
  }
  WriteSums<kPassRows, kWritePasses>(tile, n0, m0, m1, scratch->sums, stride);
}

template <typename F>
static void RunInt8(const LinearTile& tile) {
#if defined(__AVX512F__)
  if (tile.m_begin < tile.m_end && tile.m_end - tile.m_begin <= kMostInRows<F>) return RunInRows<F>(tile);
#endif
  auto* scratch = static_cast<Int8Scratch*>(tile.scratch);
  for (int64_t m0 = tile.m_begin; m0 < tile.m_end; m0 += kPassTokens) {
    const int64_t m1 = Min(m0 + kPassTokens, tile.m_end);
    for (int64_t n0 = tile.n_begin; n0 < tile.n_end; n0 += kWritePasses * kPassRows) {
      RunPasses<F>(tile, n0, m0, m1, scratch);
    }
  }
}

CONCORD_INLINE int64_t Int8ScratchBytes(int64_t k, int64_t m) {
  const int64_t panels = static_cast<int64_t>(sizeof(Int8Scratch)) + Min(m, kPassTokens) * kWritePasses * kPassRows * 4;
#if defined(__AVX512F__)
  return Max(panels, RowScratchBytes(k));
#else
  static_cast<void>(k);
  return panels;
#endif
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
