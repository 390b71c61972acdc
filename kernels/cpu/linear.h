#pragma once

#include <cstdint>

#include "kernels/cpu/isa.h"
#include "runtime/base/packing/packing.h"

namespace concord::kernels {

// y[m, n] = sum_k x[m, k] * W[n, k] (+ bias[n]) for n in [n_begin, n_end) and m in [m_begin, m_end).
// The caller cuts the whole into tiles as it likes: an element of y depends on its row of W, its row of x, k and the
// arithmetic only (DESIGN D13), never on the tile, on the number of rows of x, or on the instruction set.
//
// Order of the sums, for all variants:
//   int8/32  W in blocks of 32. The integer sum of a group, s = sum (u - offset) q, is exact. Then acc = fma(float(s),
//            w_scale * x_scale, acc), and for W with a minimum acc = fma(-w_min, x_scaled_sum, acc), group after group
//            from k = 0.
//   int8/256 W in blocks of 256 with a scale every 32 or 16, which is a whole number times that of the block. What a
//            block sums up is whole numbers too and exact, in whatever order: s = sum(scale_code * (u - offset) q), and
//            for W with minima m = sum(min_code * sum(q)). Then part = float(s) * w_scale, with minima part =
//            fma(float(m), -w_min, part), and acc = fma(part, x_scale, acc), block after block. x has one scale a
//            block, as in llama.cpp, where int8/32 would have eight. So nothing is left to be done for each 32 or 16
//            elements but a multiply-add of integers, and with a tile unit not even that (impl/linear_amx_blocks.h).
//            Codes of up to 6 bits are about as coarse as such a scale.
//   f32      W is decoded to f32. 16 accumulators, acc[k % 16] = fma(w, x, acc[k % 16]) for k = 0, 1, ..., then the
//            sums of i and i + 8, of i and i + 4, i + 2, i + 1.
//   bf16,    With AVX512-BF16: x, and W where it is f16, rounded to bf16, 16 accumulators, pair i of k in acc[i % 16] =
//   f16         fma(w, x, acc) for k = 2 i + 1, then for 2 i; they are added as those of f32.
//   bf16,    With a tile unit: per 32 of k the products of even and of odd k, each chain fused, then their sum, then
//   f16         that to acc; first W's high part with x's high part, then with its low part, then (f16) W's low part
//               with x's high part.
//            Other machines have neither and multiply such weights in f32.
// The bias is added last.
struct LinearTile {
  const packing::Packing* packing = nullptr;
  const void* weights = nullptr;  // row 0 of W: blocks as they lie in the file, any alignment
  int64_t row_stride_bytes = 0;
  int64_t n_begin = 0;
  int64_t n_end = 0;
  int64_t k = 0;            // whole blocks of the packing
  const void* x = nullptr;  // row 0 of x: f32[k], or the record that the kernel's make_rows makes of it
  int64_t x_stride_bytes = 0;
  int64_t m_begin = 0;
  int64_t m_end = 0;
  const int32_t* x_rows = nullptr;  // row m is row x_rows[m] of x; null: row m itself
  const int32_t* y_rows = nullptr;  // and its results go to row y_rows[m] of y; null: to row m
  float* y = nullptr;               // y[m, n] at y[m * y_stride + n]
  int64_t y_stride = 0;
  const float* bias = nullptr;  // [n], indexed by n itself; null: none
  void* scratch = nullptr;      // scratch_bytes(k, m_end - m_begin) bytes, aligned to 64, used by this call alone
};

// How to run `linear` for one packing and arithmetic on one instruction set.
struct LinearKernel {
  const char* packing;     // a name of runtime/base/packing; "*": any packing, through its decoder
  const char* arithmetic;  // "f32", "int8/32", "int8/256", "bf16" or "f16"
  int64_t row_tile;        // tiles whose n_begin and size are multiples of it waste nothing
  int64_t k_multiple;      // k must be a multiple of it (beside being whole blocks)
  int64_t (*scratch_bytes)(int64_t k, int64_t m);  // enough for m rows of x and for any fewer
  void (*run)(const LinearTile& tile);
  // How x is made ready, once for all that multiply it: n_rows rows of k floats, x_stride floats apart, to records
  // x_row_bytes(k) apart (quantized_rows.h, split_rows.h, rounded_rows.h). Null: x is used as it is.
  void (*make_rows)(const float* x, int64_t x_stride, int64_t n_rows, int64_t k, void* out);
  int64_t (*x_row_bytes)(int64_t k);
};

// Null when there is none: "f32" exists for every packing, others for those that LinearKernels lists.
const LinearKernel* FindLinear(const char* packing, const char* arithmetic, Isa isa = BestIsa());

// The variants of one instruction set, for tests and benchmarks; null when this build does not hold it.
const LinearKernel* LinearKernels(Isa isa, int32_t* count);

}  // namespace concord::kernels
