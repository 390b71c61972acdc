#pragma once

#include "blocks.h"

// 256 elements of 3 bits around zero in 16 sub-blocks of 16 with 6-bit scales (GGUF type 11): 3.4375 bits an element.
// Read only.
namespace concord::packing::q3_k {

inline constexpr int kBlockElems = 256;

#pragma pack(push, 1)
struct Block {
  uint8_t hmask[32];   // bit 2 of element 128 n + 32 j + l (l < 32): bit 4 n + j of hmask[l]; clear means q - 4
  uint8_t qs[64];      // bits 0-1 of that element: bits 2 j of qs[32 n + l]
  uint8_t scales[12];  // bits 0-3 of scale k: low nibbles of bytes 0-7, then their high ones;
                       // bits 4-5: bits 2 (k / 4) of byte 8 + k % 4; 32 means zero
  uint16_t d;          // half: the scale of the scales
};
#pragma pack(pop)
static_assert(sizeof(Block) == 110, "GGUF stores q3_k in 110 bytes");

// The scale of sub-block k of 0..15, from -32 to 31.
inline int Scale(const uint8_t scales[12], int k) {
  const int low = k < 8 ? LowNibble(scales[k]) : HighNibble(scales[k - 8]);
  const int high = (scales[8 + k % 4] >> (k / 4 * 2)) & 3;
  return (low | high << 4) - 32;
}

// y = d scale q, q from -4 to 3.
inline void DecodeBlock(const Block& block, float* out) {
  const float d = F16ToF32(block.d);
  for (int k = 0; k < 16; ++k) {
    const float scale = d * static_cast<float>(Scale(block.scales, k));
    const uint8_t* qs = block.qs + 32 * (k / 8) + 16 * (k % 2);
    const uint8_t* hmask = block.hmask + 16 * (k % 2);
    const int j = k % 8 / 2;
    for (int l = 0; l < 16; ++l) {
      const int high = (hmask[l] >> (k / 8 * 4 + j)) & 1;
      out[16 * k + l] = scale * static_cast<float>((((qs[l] >> (2 * j)) & 3) | high << 2) - 4);
    }
  }
}

inline constexpr Packing kPacking = {
    "q3_k", 11, kBlockElems, sizeof(Block), DecodeBlocks<Block, kBlockElems, DecodeBlock>, nullptr};

}  // namespace concord::packing::q3_k
