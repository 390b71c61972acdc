#pragma once

#include "blocks.h"

// 256 elements of 2 bits in 16 sub-blocks of 16 with 4-bit scales and minima (GGUF type 10): 2.625 bits an element.
// Read only.
namespace concord::packing::q2_k {

inline constexpr int kBlockElems = 256;

#pragma pack(push, 1)
struct Block {
  uint8_t scales[16];  // sub-block s (elements 16 s ...): scale in the low nibble, minimum in the high one
  uint8_t qs[64];      // element 128 n + 32 j + l (l < 32) at bits 2 j of qs[32 n + l]
  uint16_t d;          // half: the scale of the scales
  uint16_t dmin;       // half: the scale of the minima
};
#pragma pack(pop)
static_assert(sizeof(Block) == 84, "GGUF stores q2_k in 84 bytes");

// y = d scale q - dmin minimum.
inline void DecodeBlock(const Block& block, float* out) {
  const float d = F16ToF32(block.d);
  const float dmin = F16ToF32(block.dmin);
  for (int s = 0; s < 16; ++s) {
    const float scale = d * static_cast<float>(LowNibble(block.scales[s]));
    const float minimum = dmin * static_cast<float>(HighNibble(block.scales[s]));
    const uint8_t* qs = block.qs + 32 * (s / 8) + 16 * (s % 2);
    const int shift = s % 8 / 2 * 2;
    for (int l = 0; l < 16; ++l) out[16 * s + l] = scale * static_cast<float>((qs[l] >> shift) & 3) - minimum;
  }
}

inline constexpr Packing kPacking = {
    "q2_k", 10, kBlockElems, sizeof(Block), DecodeBlocks<Block, kBlockElems, DecodeBlock>, nullptr};

}  // namespace concord::packing::q2_k
