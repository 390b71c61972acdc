#pragma once

#include <cmath>

#include "blocks.h"
#include "fit.h"

// 32 elements of 8 bits with one scale (GGUF type 8): 8.5 bits an element.
namespace concord::packing::q8_0 {

inline constexpr int kBlockElems = 32;

#pragma pack(push, 1)
struct Block {
  uint16_t d;     // half: the scale
  int8_t qs[32];  // the elements in order
};
#pragma pack(pop)
static_assert(sizeof(Block) == 34, "GGUF stores q8_0 in 34 bytes");

// y = d q.
inline void DecodeBlock(const Block& block, float* out) {
  const float d = F16ToF32(block.d);
  for (int j = 0; j < kBlockElems; ++j) out[j] = d * static_cast<float>(block.qs[j]);
}

// The largest magnitude becomes 127; q uses the scale before its rounding, halves away from zero.
inline bool EncodeBlock(const float* in, Block* block) {
  const float d = std::fabs(SignedExtreme(in, kBlockElems)) / 127;
  block->d = F32ToF16(d);
  const float inverse = block->d != 0 ? 1 / d : 0;
  if (!IsFiniteF16(block->d)) return false;
  for (int j = 0; j < kBlockElems; ++j) block->qs[j] = static_cast<int8_t>(std::round(in[j] * inverse));
  return true;
}

inline constexpr Packing kPacking = {"q8_0",
                                     8,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::q8_0
