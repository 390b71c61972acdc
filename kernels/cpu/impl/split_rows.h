#pragma once

#include "kernels/cpu/impl/simd.h"
#include "kernels/cpu/split_rows.h"

// f32 to two bf16 parts: the records of split_rows.h, and weights of f16, which two parts hold exactly.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

struct SplitVec {
  VecH high, low;
};

CONCORD_INLINE SplitVec Split(VecF x) {
  const VecU bits = (VecU)x;
  const VecU body = bits & SetU(0x7fffffffu);
  const VecU quiet = (VecU)(body > SetU(0x7f800000u)) & SetU(0x400000u);  // cut off, a NaN could become infinity
  const VecU high = (bits | quiet) & SetU(0xffff0000u);
  const VecU rest = (VecU)(x - (VecF)high) & (VecU)(body < SetU(0x7f800000u));
  const VecU low = (rest + SetU(0x7fffu) + ((rest >> 16) & SetU(1u))) >> 16;
  return {__builtin_convertvector(high >> 16, VecH), __builtin_convertvector(low, VecH)};
}

static void SplitRows(const float* x, int64_t x_stride, int64_t n_rows, int64_t k, void* out) {
  for (int64_t row = 0; row < n_rows; ++row) {
    auto* high = static_cast<uint8_t*>(out) + row * SplitRowBytes(k);
    for (int64_t i = 0; i < k; i += kLanes) {
      const SplitVec parts = Split(Load(x + row * x_stride + i));
      __builtin_memcpy(high + 2 * i, &parts.high, sizeof parts.high);
      __builtin_memcpy(high + SplitLowOffset(k) + 2 * i, &parts.low, sizeof parts.low);
    }
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
