#pragma once

#include "blocks.h"

// Unsigned 8-bit integers: values, not quantised weights. GGUF has no such tensor.
namespace concord::packing::u8 {

inline constexpr int kBlockElems = 1;

using Block = uint8_t;
static_assert(sizeof(Block) == 1, "u8 elements have 1 byte(s)");

inline void DecodeBlock(const Block& block, float* out) { *out = static_cast<float>(block); }

inline constexpr Packing kPacking = {
    "u8", -1, kBlockElems, sizeof(Block), DecodeBlocks<Block, kBlockElems, DecodeBlock>, nullptr};

}  // namespace concord::packing::u8
