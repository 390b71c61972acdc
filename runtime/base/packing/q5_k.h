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

inline void DecodeBlock(const Block& block, float* out) {
  const auto q = [&](int s, int l) {
    const int low = (block.qs[s / 2 * 32 + l] >> (s % 2 * 4)) & 15;
    const int high = (block.qh[l] >> s) & 1;
    return low | high << 4;
  };
  DecodeAffine(block, q, out);
}

inline bool EncodeBlock(const float* in, Block* block) {
  AffineSuperBlock found;
  if (!EncodeAffine(in, 31, &found)) return false;
  PackAffine(found, block);
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
