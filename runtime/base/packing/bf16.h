#pragma once

#include "blocks.h"

// The upper 16 bits of an IEEE binary32, little-endian.
namespace concord::packing::bf16 {

inline constexpr int kBlockElems = 1;

using Block = uint16_t;
static_assert(sizeof(Block) == 2, "bf16 elements have 2 byte(s)");

inline void DecodeBlock(const Block& block, float* out) { *out = Bf16ToF32(block); }

inline bool EncodeBlock(const float* in, Block* block) {
  *block = F32ToBf16(*in);
  return IsFiniteBf16(*block);
}

inline constexpr Packing kPacking = {"bf16",
                                     30,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::bf16
