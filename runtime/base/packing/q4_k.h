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

// y = d scale q - dmin minimum.
inline void DecodeBlock(const Block& block, float* out) {
  const float d = F16ToF32(block.d);
  const float dmin = F16ToF32(block.dmin);
  for (int s = 0; s < 8; ++s) {
    int scale = 0;
    int minimum = 0;
    UnpackScaleMin(block.scales, s, &scale, &minimum);
    const float factor = d * static_cast<float>(scale);
    const float offset = dmin * static_cast<float>(minimum);
    for (int l = 0; l < 32; ++l) {
      const int q = (block.qs[s / 2 * 32 + l] >> (s % 2 * 4)) & 15;
      out[32 * s + l] = factor * static_cast<float>(q) - offset;
    }
  }
}

inline bool EncodeBlock(const float* in, Block* block) {
  AffineSuperBlock found;
  if (!EncodeAffine(in, 15, &found)) return false;
  block->d = found.d;
  block->dmin = found.dmin;
  PackScaleMins(found.scale, found.minimum, block->scales);
  for (int i = 0; i < 128; ++i) {
    const uint8_t* q = found.q + i / 32 * 64 + i % 32;
    block->qs[i] = static_cast<uint8_t>(q[0] | q[32] << 4);
  }
  return true;
}

inline constexpr Packing kPacking = {"q4_k",
                                     12,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::q4_k
