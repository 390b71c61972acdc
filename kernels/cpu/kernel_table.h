#pragma once

#include <cstdint>

#include "kernels/cpu/attention.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/rope.h"
#include "kernels/cpu/row_ops.h"
#include "runtime/base/packing/packing.h"

namespace concord::kernels {

// The kernels of one instruction set (linear.h has those of `linear`). All are single-threaded, allocate nothing, keep
// no state, and need no alignment unless a field says so. Sizes of 0 do nothing.
struct KernelTable {
  Isa isa;

  void (*rms_norm)(const NormArgs& args);    // x / sqrt(mean(x^2) + eps) * (weight + offset)
  void (*layer_norm)(const NormArgs& args);  // (x - mean) / sqrt(var + eps) * (weight + offset) + bias
  void (*l2_norm)(const NormArgs& args);     // x / sqrt(sum(x^2) + eps)
  void (*softmax)(const float* x, float* y, int64_t n);

  void (*glu)(const GluArgs& args);
  void (*unary)(Unary op, const float* x, float* y, int64_t n);
  void (*add)(const float* a, const float* b, float* y, int64_t n);
  void (*mul)(const float* a, const float* b, float* y, int64_t n);
  void (*scale)(const float* x, float factor, float* y, int64_t n);
  // scale, then softcap * tanh(z / softcap) unless softcap is 0.
  void (*logits_post)(const float* x, float factor, float softcap, float* y, int64_t n);

  // Index of the largest; the lowest one of equals; NaN is never the largest; -1 when n is 0 or all are NaN.
  int64_t (*argmax)(const float* x, int64_t n);

  // One row of k elements (whole blocks) to f32: embeddings.
  void (*decode_row)(const packing::Packing& packing, const void* row, int64_t k, float* out);

  void (*rope_table)(const RopeTableArgs& args);
  void (*rope)(const RopeArgs& args);

  void (*kv_append)(const KvAppendArgs& args);
  void (*attention)(const AttentionTile& tile);

  void (*weighted_sum)(const WeightedSumArgs& args);  // of a token's experts
};

// The table of `isa`; the portable one when this build does not hold that variant. Ask IsaSupported before calling in.
const KernelTable& Kernels(Isa isa = BestIsa());

}  // namespace concord::kernels
