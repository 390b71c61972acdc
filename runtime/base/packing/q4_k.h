#pragma once

#include "blocks.h"
#include "k_affine.h"

// 256 elements of 4 bits in 8 sub-blocks of 32 with 6-bit scales and minima (GGUF type 12): 4.5 bits an element.
namespace concord::packing::q4_k {

inline constexpr int kBlockElems = 256;

#pragma pack(push, 1)
struct Block {
  uint16_t d;          // half: the scale of the scales
  uint16_t dmin;       // half: the scale of the minima
  uint8_t scales[12];  // 8 scales and 8 minima of 6 bits: UnpackScaleMin
  uint8_t qs[128];     // elements 64 n + l and 64 n + 32 + l (l < 32) in the low and high nibble of qs[32 n + l]
};
#pragma pack(pop)
static_assert(sizeof(Block) == 144, "GGUF stores q4_k in 144 bytes");

inline void DecodeBlock(const Block& block, float* out) {
  DecodeAffine(
      block, [&](int s, int l) { return (block.qs[s / 2 * 32 + l] >> (s % 2 * 4)) & 15; }, out);
}

inline bool EncodeBlock(const float* in, Block* block) {
  AffineSuperBlock found;
  if (!EncodeAffine(in, 15, &found)) return false;
  PackAffine(found, block);
  return true;
}

inline constexpr Packing kPacking = {"q4_k",
                                     12,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::q4_k
