#pragma once

#include "blocks.h"

// IEEE binary32, little-endian.
namespace concord::packing::f32 {

inline constexpr int kBlockElems = 1;

using Block = float;
static_assert(sizeof(Block) == 4, "f32 elements have 4 byte(s)");

inline void DecodeBlock(const Block& block, float* out) { *out = block; }

inline bool EncodeBlock(const float* in, Block* block) {
  *block = *in;
  return true;
}

inline constexpr Packing kPacking = {"f32",
                                     0,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::f32
