#pragma once

#include <iterator>
#include <string_view>

#include "backends/gpu/checks.h"
#include "backends/sdk/op_checks.h"

namespace concord::gpu {

// Paged state of layout kv.paged/1: [n_blocks, n_kv_heads, block_tokens, d].
struct KvState {
  // KV_TYPE, K_TYPE and V_TYPE of the kernels are places in this list.
  static constexpr std::string_view kTypes[] = {"f32", "f16", "bf16", "q8_0"};
  static constexpr uint32_t kQ8_0 = 3;

  static uint32_t TypeOf(const sdk::Value& v) {
    uint32_t type = 0;
    while (type < std::size(kTypes) && v.packing() != kTypes[type]) ++type;
    return type;
  }

  // Kernels read and write two halves of a word together, and whole blocks.
  static void Check(const sdk::Value& v, Checks* checks) {
    checks->Need(TypeOf(v) < std::size(kTypes), sdk::Cat("state of type ", v.packing()));
    if (!checks->ok()) return;
    const int64_t multiple = TypeOf(v) == kQ8_0 ? 32 : TypeOf(v) == 0 ? 1 : 2;
    checks->Need(v.fixed(3) % multiple == 0,
                 sdk::Cat("state of ", v.packing(), " of width ", v.fixed(3), ", want a multiple of ", multiple));
  }
};

}  // namespace concord::gpu
