#pragma once

#include <optional>

#include "backends/cpu/checks.h"
#include "backends/cpu/step.h"
#include "backends/sdk/op_checks.h"
#include "kernels/cpu/attention.h"

namespace concord::cpu {

// Paged state of layout kv.paged/1: [n_blocks, n_kv_heads, block_tokens, d].
struct KvState {
  uint32_t value = CONCORD_NONE;
  concord_dim n_blocks{};
  kernels::KvCache cache;  // without its memory

  static std::optional<kernels::KvType> TypeOf(const sdk::Value& v) {
    if (v.packing() == "f32") return kernels::KvType::kF32;
    if (v.packing() == "f16") return kernels::KvType::kF16;
    if (v.packing() == "bf16") return kernels::KvType::kBf16;
    if (v.packing() == "q8_0") return kernels::KvType::kQ8_0;
    return std::nullopt;
  }

  static void Check(const sdk::Value& v, Checks* checks) {
    checks->Need(TypeOf(v).has_value(), sdk::Cat("state of type ", v.packing()));
    if (checks->ok())
      checks->Need(kernels::KvRowBytes(*TypeOf(v), v.fixed(3)) > 0, "rows that are not whole blocks of q8_0");
  }

  static KvState Of(const sdk::Value& v) {
    KvState state;
    state.value = v.index;
    state.n_blocks = v.dim(0);
    state.cache.type = *TypeOf(v);
    state.cache.n_kv_heads = v.fixed(1);
    state.cache.block_tokens = v.fixed(2);
    state.cache.d = v.fixed(3);
    return state;
  }

  kernels::KvCache At(const Frame& frame) const {
    kernels::KvCache bound = cache;
    bound.blocks = frame.Data<char>(value);
    return bound;
  }
};

}  // namespace concord::cpu
