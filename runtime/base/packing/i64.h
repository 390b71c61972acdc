#pragma once

#include "blocks.h"

// Signed 64-bit integers, little-endian. Decoding rounds magnitudes above 2^24.
namespace concord::packing::i64 {

inline constexpr int kBlockElems = 1;

using Block = int64_t;
static_assert(sizeof(Block) == 8, "i64 elements have 8 byte(s)");

inline void DecodeBlock(const Block& block, float* out) { *out = static_cast<float>(block); }

inline constexpr Packing kPacking = {
    "i64", 27, kBlockElems, sizeof(Block), DecodeBlocks<Block, kBlockElems, DecodeBlock>, nullptr};

}  // namespace concord::packing::i64
