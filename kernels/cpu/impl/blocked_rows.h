#pragma once

#include "kernels/cpu/impl/tile_rows.h"

// linear with lanes over k, for many rows of x: a block of W, a chunk of k of some rows, is made ready in L2 and meets
// all rows of x there. Element i of k goes to the sum of its lane, as with one row of x, so the bits are the same. `Op`
// says what is multiplied: kBytes an element of x and of W in the block, an Operand of 64 bytes, and Add(sums, w, x).
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// Rows of W by rows of x that registers hold sums of. AVX-512: 24 registers, and 10 loads for 24 products. NEON, with 4
// registers a sum: 3 by 2 make 24 as well. AVX2, with 2: 3 by 2 make 12 of 16.
constexpr int64_t kWeightRows = kInParts ? 3 : 4;
constexpr int64_t kXRows = kWide ? 6 : 2;
// The block of W, 256 KiB, stays in L2, and the 24 KiB of a few rows of x in L1 while the block passes. Long chunks
// matter most, since sums come and go between them: of the 226 GFLOPS a core that Zen 4 has in bf16, 16 rows by 1 KiB
// reach 155, 16 rows by 4 KiB 180, 64 rows by 4 KiB 210.
constexpr int64_t kBlockRows = 16 * kWeightRows, kBlockBytes = 4096;
constexpr int64_t kCopyFrom = 16;  // rows of x from which on copying W into a block pays, where it need not be decoded
constexpr int64_t kBlockTokens = 256;  // rows of x at a time: the block is made once for all of them

struct BlockScratch {
  alignas(64) uint8_t weights[kBlockRows][kBlockBytes];
  alignas(64) float sums[1];  // [kBlockTokens][kBlockRows][16]
};
CONCORD_INLINE int64_t BlockScratchBytes(int64_t m) {
  return static_cast<int64_t>(sizeof(BlockScratch)) + Min(m, kBlockTokens) * kBlockRows * kLanes * 4;
}

// kRows results of one row of x, of which `live` are there, to y; bias: of the first, or null.
template <int64_t kRows>
CONCORD_INLINE void WriteResults(const VecF* acc, int64_t live, const float* bias, float* y) {
#if defined(__AVX512F__)
  if constexpr (kRows == 4) {  // as Sum adds: lanes i and i + 8, then i + 4, i + 2, i + 1, of four registers at once
    const auto halves = [](VecF a, VecF b) {
      return _mm512_add_ps(_mm512_shuffle_f32x4((__m512)a, (__m512)b, 0x44),
                           _mm512_shuffle_f32x4((__m512)a, (__m512)b, 0xee));
    };
    const __m512 ab = halves(acc[0], acc[1]), cd = halves(acc[2], acc[3]);
    __m512 u = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
    u = _mm512_add_ps(u, _mm512_permute_ps(u, 0x4e));
    u = _mm512_add_ps(u, _mm512_permute_ps(u, 0xb1));
    const __m512i firsts = _mm512_setr_epi32(0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12);
    __m128 sums = _mm512_castps512_ps128(_mm512_permutexvar_ps(firsts, u));
    const auto mask = static_cast<__mmask8>((1u << live) - 1u);
    if (bias != nullptr) sums = _mm_add_ps(sums, _mm_maskz_loadu_ps(mask, bias));
    _mm_mask_storeu_ps(y, mask, sums);
    return;
  }
#endif
  for (int64_t r = 0; r < live; ++r) y[r] = bias != nullptr ? Sum(acc[r]) + bias[r] : Sum(acc[r]);
}

// A chunk of kWeightRows rows of W and some rows of x: where they begin, and where their sums are kept until the last
// chunk.
struct BlockJob {
  const uint8_t* w[kWeightRows];
  const uint8_t* x[kXRows];
  int64_t bytes;  // of each row
  bool first, last;
  float* sums;  // [row of x][kBlockRows][16], at the first of these rows of W
  float* y[kXRows];
  const float* bias;
  int64_t live;
};

template <typename Op, int kTokens>
static void MultiplyBlock(const BlockJob& job) {
  VecF acc[kTokens][kWeightRows];
  const auto kept = [&](int t, int r) { return job.sums + (t * kBlockRows + r) * kLanes; };
  CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
    CONCORD_UNROLL for (int r = 0; r < kWeightRows; ++r) acc[t][r] = job.first ? VecF{} : Load(kept(t, r));
  }
  for (int64_t at = 0; at < job.bytes; at += 64) {
    typename Op::Operand w[kWeightRows];
    CONCORD_UNROLL for (int r = 0; r < kWeightRows; ++r) w[r] = Op::At(job.w[r] + at);
    CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
      const typename Op::Operand x = Op::At(job.x[t] + at);
      CONCORD_UNROLL for (int r = 0; r < kWeightRows; ++r) acc[t][r] = Op::Add(acc[t][r], w[r], x);
    }
  }
  CONCORD_UNROLL for (int t = 0; t < kTokens; ++t) {
    if (job.last) {
      WriteResults<kWeightRows>(acc[t], job.live, job.bias, job.y[t]);
    } else {
      CONCORD_UNROLL for (int r = 0; r < kWeightRows; ++r) Store(kept(t, r), acc[t][r]);
    }
  }
}

template <typename Op, int kTokens = kXRows>
CONCORD_INLINE void MultiplyBlockUpTo(int64_t n, const BlockJob& job) {
  if constexpr (kTokens > 1) {
    if (n < kTokens) return MultiplyBlockUpTo<Op, kTokens - 1>(n, job);
  }
  MultiplyBlock<Op, kTokens>(job);
}

// Rows of W from n0 on, at `rows`, by rows [m0, m1) of x, taken evenly. What comes next is asked for while these are
// multiplied: of x, and of W where it is still in memory.
template <typename Op>
CONCORD_INLINE void BlockByRows(const LinearTile& tile, int64_t n0, const uint8_t* const* rows, bool in_place,
                                int64_t m0, int64_t m1, int64_t k0, float* sums) {
  BlockJob job;
  job.bytes = Min(kBlockBytes, (tile.k - k0) * Op::kBytes);
  job.first = k0 == 0;
  job.last = k0 * Op::kBytes + job.bytes == tile.k * Op::kBytes;
  const int64_t times = (m1 - m0 + kXRows - 1) / kXRows, step = (m1 - m0 + times - 1) / times;
  for (int64_t m = m0; m < m1; m += step) {
    const int64_t count = Min(step, m1 - m);
    for (int64_t t = m + step; t < Min(m + 2 * step, m1); ++t) {
      for (int64_t at = 0; at < job.bytes; at += 64) PrefetchFar(RowOfX(tile, t) + k0 * Op::kBytes + at);
    }
    for (int64_t r = 0; r < kBlockRows && n0 + r < tile.n_end; r += kWeightRows) {
      for (int64_t t = 0; t < count; ++t) {
        job.x[t] = RowOfX(tile, m + t) + k0 * Op::kBytes;
        job.y[t] = RowOfY(tile, m + t) + n0 + r;
      }
      for (int64_t i = 0; i < kWeightRows; ++i) {
        job.w[i] = rows[r + i];
        const uint8_t* later = rows[r + i] + kWeightRows * tile.row_stride_bytes;
        for (int64_t at = 0; in_place && m == m0 && at < job.bytes; at += 64) PrefetchFar(later + at);
      }
      job.sums = sums + ((m - m0) * kBlockRows + r) * kLanes;
      job.bias = tile.bias == nullptr ? nullptr : tile.bias + n0 + r;
      job.live = Min(kWeightRows, tile.n_end - n0 - r);
      MultiplyBlockUpTo<Op>(count, job);
    }
  }
}

// Ready(row of W, first element, count, where to) gives elements as Op takes them: where they are, or what it has put
// into the block. k is whole operands. in_place: that nothing is put there.
template <typename Op, typename Ready>
CONCORD_INLINE void RunBlocked(const LinearTile& tile, bool in_place, Ready ready) {
  auto* scratch = static_cast<BlockScratch*>(tile.scratch);
  constexpr int64_t kChunkElems = kBlockBytes / Op::kBytes;
  for (int64_t m0 = tile.m_begin; m0 < tile.m_end; m0 += kBlockTokens) {
    const int64_t m1 = Min(m0 + kBlockTokens, tile.m_end);
    for (int64_t n0 = tile.n_begin; n0 < tile.n_end; n0 += kBlockRows) {
      for (int64_t k0 = 0; k0 < tile.k; k0 += kChunkElems) {
        const uint8_t* rows[kBlockRows];
        for (int64_t r = 0; r < kBlockRows; ++r) {  // past the end the last one again; its sums are not written
          const uint8_t* row =
              static_cast<const uint8_t*>(tile.weights) + Min(n0 + r, tile.n_end - 1) * tile.row_stride_bytes;
          rows[r] = ready(row, k0, Min(kChunkElems, tile.k - k0), scratch->weights[r]);
        }
        BlockByRows<Op>(tile, n0, rows, in_place, m0, m1, k0, scratch->sums);
      }
    }
  }
}

// Elements that are in memory as Op takes them.
template <typename Op>
CONCORD_INLINE void RunPlainBlocks(const LinearTile& tile) {
  const bool in_place = tile.m_end - tile.m_begin < kCopyFrom;
  RunBlocked<Op>(tile, in_place, [&](const uint8_t* row, int64_t first, int64_t count, uint8_t* out) {
    if (in_place) return row + Op::kBytes * first;
    __builtin_memcpy(out, row + Op::kBytes * first, static_cast<size_t>(Op::kBytes * count));
    return static_cast<const uint8_t*>(out);
  });
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
