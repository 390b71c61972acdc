#pragma once

#include "blocks.h"
#include "nl4.h"

// 256 elements of 4 bits on the levels of iq4_nl, in 8 sub-blocks of 32 with 6-bit scales (GGUF type 23): 4.25 bits an
// element. Read only.
namespace concord::packing::iq4_xs {

inline constexpr int kBlockElems = 256;

#pragma pack(push, 1)
struct Block {
  uint16_t d;           // half: the scale of the scales
  uint16_t scales_h;    // bits 4-5 of the scale of sub-block b at bit 2 b
  uint8_t scales_l[4];  // bits 0-3: sub-blocks 2 i and 2 i + 1 in the low and high nibble of scales_l[i]; 32 means zero
  uint8_t qs[128];      // codes of kNl4: elements 32 b + j and 32 b + j + 16 in the nibbles of qs[16 b + j]
};
#pragma pack(pop)
static_assert(sizeof(Block) == 136, "GGUF stores iq4_xs in 136 bytes");

// The scale of sub-block b of 0..7, from -32 to 31.
inline int Scale(const Block& block, int b) {
  const int low = (block.scales_l[b / 2] >> (b % 2 * 4)) & 15;
  const int high = (block.scales_h >> (2 * b)) & 3;
  return (low | high << 4) - 32;
}

// y = d scale kNl4[code].
inline void DecodeBlock(const Block& block, float* out) {
  const float d = F16ToF32(block.d);
  for (int b = 0; b < 8; ++b) {
    const float scale = d * static_cast<float>(Scale(block, b));
    for (int j = 0; j < 16; ++j) {
      const uint8_t byte = block.qs[16 * b + j];
      out[32 * b + j] = scale * static_cast<float>(kNl4[LowNibble(byte)]);
      out[32 * b + j + 16] = scale * static_cast<float>(kNl4[HighNibble(byte)]);
    }
  }
}

inline constexpr Packing kPacking = {
    "iq4_xs", 23, kBlockElems, sizeof(Block), DecodeBlocks<Block, kBlockElems, DecodeBlock>, nullptr};

}  // namespace concord::packing::iq4_xs
