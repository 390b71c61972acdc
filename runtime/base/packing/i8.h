#pragma once

#include "blocks.h"

// Signed 8-bit integers: values, not quantised weights.
namespace concord::packing::i8 {

inline constexpr int kBlockElems = 1;

using Block = int8_t;
static_assert(sizeof(Block) == 1, "i8 elements have 1 byte(s)");

inline void DecodeBlock(const Block& block, float* out) { *out = static_cast<float>(block); }

inline constexpr Packing kPacking = {
    "i8", 24, kBlockElems, sizeof(Block), DecodeBlocks<Block, kBlockElems, DecodeBlock>, nullptr};

}  // namespace concord::packing::i8
