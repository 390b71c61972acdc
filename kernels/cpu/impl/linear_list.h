#pragma once

#include "kernels/cpu/impl/linear_f32.h"
#include "kernels/cpu/impl/linear_int8.h"
#include "kernels/cpu/impl/quantize.h"
#if defined(__AVX512BF16__)
#include "kernels/cpu/impl/linear_dpbf16.h"
#endif
#if defined(__AMX_INT8__)
#include "kernels/cpu/impl/linear_amx.h"
#include "kernels/cpu/impl/linear_bf16.h"
#endif

// The variants of `linear`, one line each; tests and benchmarks read this list too.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

static int64_t BlocksScratch(int64_t, int64_t m) { return BlockScratchBytes(m); }
static int64_t RowsScratch(int64_t k, int64_t m) { return Max(8 * k * 4 + 64, BlockScratchBytes(m)); }

#if defined(__AMX_INT8__)
template <typename F>
constexpr auto kRunInt8 = RunInt8Amx<F>;
template <typename F>
constexpr auto kInt8Scratch = Int8AmxScratch<F>;
#else
template <typename F>
constexpr auto kRunInt8 = RunInt8<F>;
template <typename F>
static int64_t PanelScratch(int64_t k, int64_t m) {
  return Int8ScratchBytes(k, m);
}
template <typename F>
constexpr auto kInt8Scratch = PanelScratch<F>;
#endif

constexpr LinearKernel kLinearKernels[] = {
    {"f32", "f32", 8, 1, BlocksScratch, RunF32, nullptr, nullptr},
    {"f16", "f32", 8, 1, RowsScratch, RunHalf<WeightsF16>, nullptr, nullptr},
    {"bf16", "f32", 8, 1, RowsScratch, RunHalf<WeightsBf16>, nullptr, nullptr},
#if defined(__AVX512BF16__)
    {"f16", "f16", 16, 32, BlocksScratch, RunF16Pairs, RoundRows, RoundedRowBytes},
    {"bf16", "bf16", 16, 32, BlocksScratch, RunBf16Pairs, RoundRows, RoundedRowBytes},
#endif
#if defined(__AMX_BF16__)
    {"f16", "f16", kPassRows, 32, HalfScratchBytes, RunHalfTiles<true>, SplitRows, SplitRowBytes},
    {"bf16", "bf16", kPassRows, 32, HalfScratchBytes, RunHalfTiles<false>, SplitRows, SplitRowBytes},
#endif
    {"*", "f32", 8, 1, RowsScratch, RunAny, nullptr, nullptr},
    {"iq4_nl", "int8/32", kPassRows, 32, kInt8Scratch<FormatIq4Nl>, kRunInt8<FormatIq4Nl>, QuantizeRows<RowsOf32>,
     RowsOf32::Bytes},
    {"iq4_xs", "int8/256", kPassRows, 256, kInt8Scratch<FormatIq4Xs>, kRunInt8<FormatIq4Xs>, QuantizeRows<RowsOf256>,
     RowsOf256::Bytes},
    {"mxfp4", "int8/32", kPassRows, 32, kInt8Scratch<FormatMxfp4>, kRunInt8<FormatMxfp4>, QuantizeRows<RowsOf32>,
     RowsOf32::Bytes},
    {"q2_k", "int8/256", kPassRows, 256, kInt8Scratch<FormatQ2K>, kRunInt8<FormatQ2K>, QuantizeRows<RowsOf256>,
     RowsOf256::Bytes},
    {"q3_k", "int8/256", kPassRows, 256, kInt8Scratch<FormatQ3K>, kRunInt8<FormatQ3K>, QuantizeRows<RowsOf256>,
     RowsOf256::Bytes},
    {"q4_0", "int8/32", kPassRows, 32, kInt8Scratch<FormatQ4_0>, kRunInt8<FormatQ4_0>, QuantizeRows<RowsOf32>,
     RowsOf32::Bytes},
    {"q4_1", "int8/32", kPassRows, 32, kInt8Scratch<FormatQ4_1>, kRunInt8<FormatQ4_1>, QuantizeRows<RowsOf32>,
     RowsOf32::Bytes},
    {"q4_k", "int8/256", kPassRows, 256, kInt8Scratch<FormatQ4K>, kRunInt8<FormatQ4K>, QuantizeRows<RowsOf256>,
     RowsOf256::Bytes},
    {"q5_0", "int8/32", kPassRows, 32, kInt8Scratch<FormatQ5_0>, kRunInt8<FormatQ5_0>, QuantizeRows<RowsOf32>,
     RowsOf32::Bytes},
    {"q5_1", "int8/32", kPassRows, 32, kInt8Scratch<FormatQ5_1>, kRunInt8<FormatQ5_1>, QuantizeRows<RowsOf32>,
     RowsOf32::Bytes},
    {"q5_k", "int8/256", kPassRows, 256, kInt8Scratch<FormatQ5K>, kRunInt8<FormatQ5K>, QuantizeRows<RowsOf256>,
     RowsOf256::Bytes},
    {"q6_k", "int8/256", kPassRows, 256, kInt8Scratch<FormatQ6K>, kRunInt8<FormatQ6K>, QuantizeRows<RowsOf256>,
     RowsOf256::Bytes},
    {"q8_0", "int8/32", kPassRows, 32, kInt8Scratch<FormatQ8_0>, kRunInt8<FormatQ8_0>, QuantizeRows<RowsOf32>,
     RowsOf32::Bytes},
};

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
