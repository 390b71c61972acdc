#pragma once

#include "blocks.h"
#include "k_affine.h"

// 256 elements of 5 bits in 8 sub-blocks of 32 with 6-bit scales and minima (GGUF type 13): 5.5 bits an element.
namespace concord::packing::q5_k {

inline constexpr int kBlockElems = 256;

#pragma pack(push, 1)
struct Block {
  uint16_t d;          // half: the scale of the scales
  uint16_t dmin;       // half: the scale of the minima
  uint8_t scales[12];  // 8 scales and 8 minima of 6 bits: UnpackScaleMin
  uint8_t qh[32];      // bit 4 of element 32 s + l (l < 32): bit s of qh[l]
  uint8_t qs[128];     // bits 0-3: elements 64 n + l and 64 n + 32 + l in the nibbles of qs[32 n + l]
};
#pragma pack(pop)
static_assert(sizeof(Block) == 176, "GGUF stores q5_k in 176 bytes");

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
      const int low = (block.qs[s / 2 * 32 + l] >> (s % 2 * 4)) & 15;
      const int high = (block.qh[l] >> s) & 1;
      out[32 * s + l] = factor * static_cast<float>(low | high << 4) - offset;
    }
  }
}

inline bool EncodeBlock(const float* in, Block* block) {
  AffineSuperBlock found;
  if (!EncodeAffine(in, 31, &found)) return false;
  block->d = found.d;
  block->dmin = found.dmin;
  PackScaleMins(found.scale, found.minimum, block->scales);
  for (int i = 0; i < 128; ++i) {
    const uint8_t* q = found.q + i / 32 * 64 + i % 32;
    block->qs[i] = static_cast<uint8_t>((q[0] & 15) | (q[32] & 15) << 4);
  }
  for (int i = 0; i < 256; ++i) {
    block->qh[i % 32] = static_cast<uint8_t>(block->qh[i % 32] | (found.q[i] >> 4) << (i / 32));
  }
  return true;
}

inline constexpr Packing kPacking = {"q5_k",
                                     13,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::q5_k
