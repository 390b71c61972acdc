#pragma once

#include <algorithm>

#include "blocks.h"
#include "fit.h"

// 32 elements of 5 bits with a scale and a minimum (GGUF type 7): 6 bits an element.
namespace concord::packing::q5_1 {

inline constexpr int kBlockElems = 32;

#pragma pack(push, 1)
struct Block {
  uint16_t d;      // half: the scale
  uint16_t m;      // half: the minimum, added
  uint8_t qh[4];   // little-endian u32: bit e is bit 4 of element e
  uint8_t qs[16];  // bits 0-3: element j in the low nibble of qs[j], element j + 16 in the high one
};
#pragma pack(pop)
static_assert(sizeof(Block) == 24, "GGUF stores q5_1 in 24 bytes");

// Bit 4 of element e.
inline int HighBit(const uint8_t qh[4], int e) { return ((qh[e / 8] >> (e % 8)) & 1) << 4; }

// y = d q + m.
inline void DecodeBlock(const Block& block, float* out) {
  const float d = F16ToF32(block.d);
  const float m = F16ToF32(block.m);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(LowNibble(block.qs[j]) | HighBit(block.qh, j)) + m;
    out[j + 16] = d * static_cast<float>(HighNibble(block.qs[j]) | HighBit(block.qh, j + 16)) + m;
  }
}

// The smallest value becomes 0, the largest 31; q uses scale and minimum before their rounding.
inline bool EncodeBlock(const float* in, Block* block) {
  const float m = *std::min_element(in, in + kBlockElems);
  const float d = (*std::max_element(in, in + kBlockElems) - m) / 31;
  block->d = F32ToF16(d);
  block->m = F32ToF16(m);
  const float inverse = block->d != 0 ? 1 / d : 0;
  if (!IsFiniteF16(block->d) || !IsFiniteF16(block->m)) return false;
  for (int e = 0; e < kBlockElems; ++e) {
    const int q = NearestIn((in[e] - m) * inverse, 0, 31);
    block->qs[e % 16] = static_cast<uint8_t>(block->qs[e % 16] | (q & 15) << (e / 16 * 4));
    block->qh[e / 8] = static_cast<uint8_t>(block->qh[e / 8] | (q >> 4) << (e % 8));
  }
  return true;
}

inline constexpr Packing kPacking = {"q5_1",
                                     7,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::q5_1
