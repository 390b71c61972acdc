#pragma once

#include <algorithm>

#include "blocks.h"
#include "fit.h"

// 32 elements of 4 bits around zero with one scale (GGUF type 2): 4.5 bits an element.
namespace concord::packing::q4_0 {

inline constexpr int kBlockElems = 32;

#pragma pack(push, 1)
struct Block {
  uint16_t d;      // half: the scale
  uint8_t qs[16];  // element j in the low nibble of qs[j], element j + 16 in the high one; 8 means zero
};
#pragma pack(pop)
static_assert(sizeof(Block) == 18, "GGUF stores q4_0 in 18 bytes");

// y = d (q - 8).
inline void DecodeBlock(const Block& block, float* out) {
  const float d = F16ToF32(block.d);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(LowNibble(block.qs[j]) - 8);
    out[j + 16] = d * static_cast<float>(HighNibble(block.qs[j]) - 8);
  }
}

// The value of largest magnitude becomes -8, the one level without a positive twin; q uses the scale before its
// rounding.
inline bool EncodeBlock(const float* in, Block* block) {
  const float d = SignedExtreme(in, kBlockElems) / -8;
  block->d = F32ToF16(d);
  const float inverse = (block->d & 0x7fffu) != 0 ? 1 / d : 0;
  if (!IsFiniteF16(block->d)) return false;
  for (int j = 0; j < 16; ++j) {
    const int low = std::min(15, static_cast<int>(in[j] * inverse + 8.5f));
    const int high = std::min(15, static_cast<int>(in[j + 16] * inverse + 8.5f));
    block->qs[j] = static_cast<uint8_t>(low | high << 4);
  }
  return true;
}

inline constexpr Packing kPacking = {"q4_0",
                                     2,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::q4_0
