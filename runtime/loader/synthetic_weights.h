#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/packing/packing.h"

namespace concord::loader {

// Random blocks of f32, f16, bf16, q4_0, q8_0, q4_k or q6_k; `ones` (f32 only): all 1. Quantised blocks are drawn
// directly (random quants, one scale), so no quantiser is needed. The same seed gives the same bytes.
void FillSyntheticBlocks(const packing::Packing& type, bool ones, uint64_t seed, int64_t n_blocks, std::byte* out);

}  // namespace concord::loader
