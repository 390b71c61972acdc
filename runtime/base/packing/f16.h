#pragma once

#include "blocks.h"

// IEEE binary16, little-endian: the bits are kept in a uint16_t.
namespace concord::packing::f16 {

inline constexpr int kBlockElems = 1;

using Block = uint16_t;
static_assert(sizeof(Block) == 2, "f16 elements have 2 byte(s)");

inline void DecodeBlock(const Block& block, float* out) { *out = F16ToF32(block); }

inline bool EncodeBlock(const float* in, Block* block) {
  *block = F32ToF16(*in);
  return IsFiniteF16(*block);
}

inline constexpr Packing kPacking = {"f16",
                                     1,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::f16
