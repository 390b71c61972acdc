#pragma once

#include "kernels/cpu/impl/blocked_rows.h"

// linear, arithmetic "f32": 16 lanes over k, one register of sums a row of W and row of x.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// One row of x meets more rows of W than several do.
constexpr int64_t kSingleXWeightRows = kInParts ? 6 : 8;
constexpr int64_t kManyXRows = 6;  // from here on W is brought into blocks, decoded

struct WeightsF32 {
  using Element = float;
  CONCORD_INLINE VecF At(const float* p) { return Load(p); }
  CONCORD_INLINE VecF Part(const float* p, int64_t n) { return LoadPart(p, n); }
};
template <bool kIsF16>
struct WeightsHalf {
  using Element = uint16_t;
  CONCORD_INLINE VecF At(const uint16_t* p) { return FromHalf<kIsF16>(LoadAs<VecH>(p)); }
  CONCORD_INLINE VecF Part(const uint16_t* p, int64_t n) {
    VecH h = {};
    __builtin_memcpy(&h, p, static_cast<size_t>(n) * 2);
    return FromHalf<kIsF16>(h);
  }
};
using WeightsF16 = WeightsHalf<true>;
using WeightsBf16 = WeightsHalf<false>;

// Rows of W, already at the tile's first: sums for kRows x kTokens. From `ahead` on lies what will be read later; it is
// asked for in the order of addresses.
template <typename W, int kRows, int kTokens>
static void DotRows(const uint8_t* const* rows, const uint8_t* ahead, const float* const* x, int64_t k,
                    float (*out)[kXRows]) {
  using Element = typename W::Element;
  VecF acc[kRows][kTokens] = {};
  int64_t i = 0;
  for (; i + kLanes <= k; i += kLanes) {
    constexpr int64_t kStepBytes = kRows * kLanes * static_cast<int64_t>(sizeof(Element));
    CONCORD_UNROLL for (int64_t at = 0; at < kStepBytes; at += 64) PrefetchOnce(ahead + i / kLanes * kStepBytes + at);
    VecF xv[kTokens];
    CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) xv[t] = Load(x[t] + i);
    CONCORD_UNROLL for (int r = 0; r < kRows; ++r) {
      const VecF w = W::At(reinterpret_cast<const Element*>(rows[r]) + i);
      CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) acc[r][t] = Fma(w, xv[t], acc[r][t]);
    }
  }
  if (i < k) {
    const VecI live = (VecI)(Iota() < SetI(static_cast<int32_t>(k - i)));
    CONCORD_UNROLL for (int r = 0; r < kRows; ++r) {
      const VecF w = W::Part(reinterpret_cast<const Element*>(rows[r]) + i, k - i);
      CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
        acc[r][t] = Select(live, Fma(w, LoadPart(x[t] + i, k - i), acc[r][t]), acc[r][t]);
      }
    }
  }
  CONCORD_UNROLL for (int r = 0; r < kRows; ++r) {
    CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) out[r][t] = Sum(acc[r][t]);
  }
}

// Up to kSingleXWeightRows rows of W (kWeightRows when there are more rows of x than one) by up to kXRows of x, written
// to y.
template <typename W>
CONCORD_INLINE void RowsByTokens(const LinearTile& tile, const uint8_t* const* rows, const uint8_t* ahead, int64_t n0,
                                 int64_t n_rows, int64_t m0, int64_t m_rows) {
  const float* x[kXRows];
  for (int64_t t = 0; t < kXRows; ++t) {
    x[t] = reinterpret_cast<const float*>(RowOfX(tile, m0 + Min(t, m_rows - 1)));
  }
  float out[8][kXRows];
  if (m_rows == 1) {
    DotRows<W, kSingleXWeightRows, 1>(rows, ahead, x, tile.k, out);
  } else if (m_rows == 2) {
    DotRows<W, kWeightRows, 2>(rows, ahead, x, tile.k, out);
  } else {
    DotRows<W, kWeightRows, kXRows>(rows, ahead, x, tile.k, out);
  }
  for (int64_t r = 0; r < n_rows; ++r) {
    const float bias = tile.bias != nullptr ? tile.bias[n0 + r] : 0.0f;
    for (int64_t t = 0; t < m_rows; ++t) {
      RowOfY(tile, m0 + t)[n0 + r] = tile.bias != nullptr ? out[r][t] + bias : out[r][t];
    }
  }
}

// W as it lies in memory; good for few rows of x, or where there is nothing to convert.
template <typename W>
CONCORD_INLINE void RunInPlace(const LinearTile& tile) {
  const auto* weights = static_cast<const uint8_t*>(tile.weights);
  for (int64_t n0 = tile.n_begin, step = 0; n0 < tile.n_end; n0 += step) {
    step = tile.m_end - tile.m_begin == 1 ? kSingleXWeightRows : kWeightRows;
    const int64_t some = step * tile.row_stride_bytes;
    const uint8_t* ahead = weights + n0 * tile.row_stride_bytes + (kAheadBytes / some + 1) * some;
    const uint8_t* rows[8];
    for (int64_t r = 0; r < 8; ++r) rows[r] = weights + Min(n0 + r, tile.n_end - 1) * tile.row_stride_bytes;
    for (int64_t m0 = tile.m_begin, m_step = 0; m0 < tile.m_end; m0 += m_step) {
      m_step = Min(kXRows, tile.m_end - m0);
      // A single row left over of many still meets kWeightRows rows of W only.
      RowsByTokens<W>(tile, rows, ahead, n0, Min(step, tile.n_end - n0), m0, m_step);
    }
  }
}

// W is decoded to f32 in scratch, `kWeightRows` whole rows at a time (kSingleXWeightRows for one row of x).
template <typename Decode>
CONCORD_INLINE void RunDecoded(const LinearTile& tile, Decode decode) {
  auto* scratch = static_cast<float*>(tile.scratch);
  const auto* weights = static_cast<const uint8_t*>(tile.weights);
  const int64_t step = tile.m_end - tile.m_begin == 1 ? kSingleXWeightRows : kWeightRows;
  for (int64_t n0 = tile.n_begin; n0 < tile.n_end; n0 += step) {
    const int64_t n_rows = Min(step, tile.n_end - n0);
    const uint8_t* rows[8];
    for (int64_t r = 0; r < 8; ++r) {
      float* out = scratch + Min(r, n_rows - 1) * tile.k;
      rows[r] = reinterpret_cast<const uint8_t*>(out);
      if (r < n_rows) decode(weights + (n0 + r) * tile.row_stride_bytes, out);
    }
    for (int64_t m0 = tile.m_begin; m0 < tile.m_end; m0 += kXRows) {
      RowsByTokens<WeightsF32>(tile, rows, weights + (n0 + step) * tile.row_stride_bytes, n0, n_rows, m0,
                               Min(kXRows, tile.m_end - m0));
    }
  }
}

template <typename W>
CONCORD_INLINE void DecodeHalves(const uint8_t* row, int64_t k, float* out) {
  const auto* p = reinterpret_cast<const typename W::Element*>(row);
  int64_t i = 0;
  for (; i + kLanes <= k; i += kLanes) Store(out + i, W::At(p + i));
  if (i < k) StorePart(out + i, W::Part(p + i, k - i), k - i);
}

struct FloatProducts {
  static constexpr int64_t kBytes = 4;
  using Operand = VecF;
  CONCORD_INLINE Operand At(const uint8_t* p) { return LoadAs<VecF>(p); }
  CONCORD_INLINE VecF Add(VecF sums, Operand w, Operand x) { return Fma(w, x, sums); }
};
CONCORD_INLINE bool ForBlocks(const LinearTile& tile) {
  return tile.m_end - tile.m_begin >= kManyXRows && tile.k % kLanes == 0;
}

template <typename W>
static void RunHalf(const LinearTile& tile) {
  if (ForBlocks(tile)) {
    return RunBlocked<FloatProducts>(tile, false, [](const uint8_t* row, int64_t first, int64_t count, uint8_t* out) {
      DecodeHalves<W>(row + 2 * first, count, reinterpret_cast<float*>(out));
      return static_cast<const uint8_t*>(out);
    });
  }
  if (tile.m_end - tile.m_begin < kManyXRows) return RunInPlace<W>(tile);
  RunDecoded(tile, [&](const uint8_t* row, float* out) { DecodeHalves<W>(row, tile.k, out); });
}

static void RunF32(const LinearTile& tile) {
  if (!ForBlocks(tile)) return RunInPlace<WeightsF32>(tile);
  RunPlainBlocks<FloatProducts>(tile);
}

static void RunAny(const LinearTile& tile) {
  const packing::Packing* packing = tile.packing;
  const auto decode = [&](const uint8_t* row, int64_t first, int64_t count, float* out) {
    packing->decode(row + first / packing->block_elems * packing->block_bytes, count / packing->block_elems, out);
  };
  static_assert(kBlockBytes / 4 % 256 == 0, "chunks are whole blocks of every packing");
  if (!ForBlocks(tile)) return RunDecoded(tile, [&](const uint8_t* row, float* out) { decode(row, 0, tile.k, out); });
  RunBlocked<FloatProducts>(tile, false, [&](const uint8_t* row, int64_t first, int64_t count, uint8_t* out) {
    decode(row, first, count, reinterpret_cast<float*>(out));
    return static_cast<const uint8_t*>(out);
  });
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
