#pragma once

#include <algorithm>

#include "blocks.h"
#include "fit.h"

// 32 elements of 4 bits with a scale and a minimum (GGUF type 3): 5 bits an element.
namespace concord::packing::q4_1 {

inline constexpr int kBlockElems = 32;

#pragma pack(push, 1)
struct Block {
  uint16_t d;      // half: the scale
  uint16_t m;      // half: the minimum, added
  uint8_t qs[16];  // element j in the low nibble of qs[j], element j + 16 in the high one
};
#pragma pack(pop)
static_assert(sizeof(Block) == 20, "GGUF stores q4_1 in 20 bytes");

// y = d q + m.
inline void DecodeBlock(const Block& block, float* out) {
  const float d = F16ToF32(block.d);
  const float m = F16ToF32(block.m);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(LowNibble(block.qs[j])) + m;
    out[j + 16] = d * static_cast<float>(HighNibble(block.qs[j])) + m;
  }
}

// The smallest value becomes 0, the largest 15; q uses scale and minimum before their rounding.
inline bool EncodeBlock(const float* in, Block* block) {
  const float m = *std::min_element(in, in + kBlockElems);
  const float d = (*std::max_element(in, in + kBlockElems) - m) / 15;
  block->d = F32ToF16(d);
  block->m = F32ToF16(m);
  const float inverse = block->d != 0 ? 1 / d : 0;
  if (!IsFiniteF16(block->d) || !IsFiniteF16(block->m)) return false;
  for (int j = 0; j < 16; ++j) {
    const int low = NearestIn((in[j] - m) * inverse, 0, 15);
    const int high = NearestIn((in[j + 16] - m) * inverse, 0, 15);
    block->qs[j] = static_cast<uint8_t>(low | high << 4);
  }
  return true;
}

inline constexpr Packing kPacking = {"q4_1",
                                     3,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::q4_1
