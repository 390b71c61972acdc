#pragma once

#include "blocks.h"

// Signed 32-bit integers, little-endian. Decoding rounds magnitudes above 2^24.
namespace concord::packing::i32 {

inline constexpr int kBlockElems = 1;

using Block = int32_t;
static_assert(sizeof(Block) == 4, "i32 elements have 4 byte(s)");

inline void DecodeBlock(const Block& block, float* out) { *out = static_cast<float>(block); }

inline constexpr Packing kPacking = {
    "i32", 26, kBlockElems, sizeof(Block), DecodeBlocks<Block, kBlockElems, DecodeBlock>, nullptr};

}  // namespace concord::packing::i32
