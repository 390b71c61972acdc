#pragma once

#include "kernels/cpu/impl/blocked_rows.h"
#include "kernels/cpu/impl/linear_row_avx512.h"
#include "kernels/cpu/rounded_rows.h"

// linear, arithmetics "bf16" (weights of bf16) and "f16" (of f16), with VDPBF16PS (Intel SDM), which adds the product
// of two odd elements to each of 16 sums, then that of two even ones. Pair i of k goes to sum i % 16, and the 16 are
// added as those of "f32" are. x is rounded to bf16 once. W of bf16 is used as it lies in memory, W of f16 is rounded
// to bf16 on its way: two parts would hold it exactly, but take as long as f32 does. Weights that were bf16 before they
// were written as f16, as those of most models, lose nothing.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

static void RoundRows(const float* x, int64_t x_stride, int64_t n_rows, int64_t k, void* out) {
  for (int64_t row = 0; row < n_rows; ++row) {
    auto* to = static_cast<uint8_t*>(out) + row * RoundedRowBytes(k);
    for (int64_t i = 0; i < k; i += 2 * kLanes) {
      const float* from = x + row * x_stride + i;
      const __m512bh both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + kLanes), _mm512_loadu_ps(from));
      _mm512_storeu_si512(to + 2 * i, (__m512i)both);
    }
  }
}

struct Bf16Pairs {
  static constexpr int64_t kBytes = 2;
  using Operand = __m512i;
  CONCORD_INLINE Operand At(const uint8_t* p) { return _mm512_loadu_si512(p); }
  CONCORD_INLINE VecF Add(VecF sums, Operand w, Operand x) {
    return (VecF)_mm512_dpbf16_ps((__m512)sums, (__m512bh)w, (__m512bh)x);
  }
};

// The same of W in f16.
struct F16AsPairs {
  CONCORD_INLINE __m512i At(const uint8_t* p) {
    const __m512 low = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
    const __m512 high = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32)));
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
  }
};

// Four rows of W along their length by some rows of x, from m on. What will be read later, from `ahead` on, is asked
// for in the order of addresses.
template <typename W, int kTokens>
static void PairsByFew(const LinearTile& tile, int64_t n, int64_t m, const uint8_t* ahead) {
  const uint8_t *w[kWeightRows], *x[kTokens];
  for (int64_t r = 0; r < kWeightRows; ++r) {  // past the end the last one again; its sums are not written
    w[r] = static_cast<const uint8_t*>(tile.weights) + Min(n + r, tile.n_end - 1) * tile.row_stride_bytes;
  }
  for (int t = 0; t < kTokens; ++t) x[t] = RowOfX(tile, m + t);
  VecF acc[kTokens][kWeightRows] = {};
  for (int64_t at = 0; at < 2 * tile.k; at += 64) {
    CONCORD_UNROLL for (int r = 0; r < kWeightRows; ++r) PrefetchOnce(ahead + kWeightRows * at + 64 * r);
    Bf16Pairs::Operand rows[kWeightRows];
    CONCORD_UNROLL for (int r = 0; r < kWeightRows; ++r) rows[r] = W::At(w[r] + at);
    CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
      const Bf16Pairs::Operand pairs = Bf16Pairs::At(x[t] + at);
      CONCORD_UNROLL for (int r = 0; r < kWeightRows; ++r) acc[t][r] = Bf16Pairs::Add(acc[t][r], rows[r], pairs);
    }
  }
  const float* bias = tile.bias == nullptr ? nullptr : tile.bias + n;
  CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
    WriteResults<kWeightRows>(acc[t], Min(kWeightRows, tile.n_end - n), bias, RowOfY(tile, m + t) + n);
  }
}

template <typename W, int kTokens = kXRows>
CONCORD_INLINE void PairsByUpTo(int64_t count, const LinearTile& tile, int64_t n, int64_t m, const uint8_t* ahead) {
  if constexpr (kTokens > 1) {
    if (count < kTokens) return PairsByUpTo<W, kTokens - 1>(count, tile, n, m, ahead);
  }
  PairsByFew<W, kTokens>(tile, n, m, ahead);
}

// Rows of x, some at a time, take turns at four rows of W, which are in L1 from the first turn on.
template <typename W>
CONCORD_INLINE void RunFewPairs(const LinearTile& tile) {
  const int64_t m = tile.m_end - tile.m_begin;
  const int64_t times = (m + kXRows - 1) / kXRows, step = (m + times - 1) / times;
  const int64_t four = kWeightRows * tile.row_stride_bytes, ahead = (kAheadBytes / four + 1) * four;
  for (int64_t n = tile.n_begin; n < tile.n_end; n += kWeightRows) {
    const uint8_t* later = static_cast<const uint8_t*>(tile.weights) + n * tile.row_stride_bytes + ahead;
    for (int64_t i = tile.m_begin; i < tile.m_end; i += step) {
      PairsByUpTo<W>(Min(step, tile.m_end - i), tile, n, i, later);
    }
  }
}

static void RunBf16Pairs(const LinearTile& tile) {
  if (tile.m_end - tile.m_begin <= 4 * kXRows) return RunFewPairs<Bf16Pairs>(tile);
  RunPlainBlocks<Bf16Pairs>(tile);
}

static void RunF16Pairs(const LinearTile& tile) {
  if (tile.m_end - tile.m_begin <= kXRows) return RunFewPairs<F16AsPairs>(tile);  // a second turn would round W again
  RunBlocked<Bf16Pairs>(tile, false, [](const uint8_t* row, int64_t first, int64_t count, uint8_t* out) {
    for (int64_t i = 0; i < count; i += 2 * kLanes) {
      _mm512_store_si512(out + 2 * i, F16AsPairs::At(row + 2 * (first + i)));
    }
    return static_cast<const uint8_t*>(out);
  });
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
