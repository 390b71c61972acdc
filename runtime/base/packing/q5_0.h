#pragma once

#include "blocks.h"
#include "fit.h"

// 32 elements of 5 bits around zero with one scale (GGUF type 6): 5.5 bits an element.
namespace concord::packing::q5_0 {

inline constexpr int kBlockElems = 32;

#pragma pack(push, 1)
struct Block {
  uint16_t d;      // half: the scale
  uint8_t qh[4];   // little-endian u32: bit e is bit 4 of element e
  uint8_t qs[16];  // bits 0-3: element j in the low nibble of qs[j], element j + 16 in the high one; 16 means zero
};
#pragma pack(pop)
static_assert(sizeof(Block) == 22, "GGUF stores q5_0 in 22 bytes");

// Bit 4 of element e.
inline int HighBit(const uint8_t qh[4], int e) { return ((qh[e / 8] >> (e % 8)) & 1) << 4; }

// y = d (q - 16).
inline void DecodeBlock(const Block& block, float* out) {
  const float d = F16ToF32(block.d);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>((LowNibble(block.qs[j]) | HighBit(block.qh, j)) - 16);
    out[j + 16] = d * static_cast<float>((HighNibble(block.qs[j]) | HighBit(block.qh, j + 16)) - 16);
  }
}

// The value of largest magnitude becomes -16, the one level without a positive twin.
inline bool EncodeBlock(const float* in, Block* block) {
  const float d = SignedExtreme(in, kBlockElems) / -16;
  block->d = F32ToF16(d);
  const float inverse = (block->d & 0x7fffu) != 0 ? 1 / d : 0;
  if (!IsFiniteF16(block->d)) return false;
  for (int e = 0; e < kBlockElems; ++e) {
    const int q = NearestIn(in[e] * inverse, -16, 15) + 16;
    block->qs[e % 16] = static_cast<uint8_t>(block->qs[e % 16] | (q & 15) << (e / 16 * 4));
    block->qh[e / 8] = static_cast<uint8_t>(block->qh[e / 8] | (q >> 4) << (e % 8));
  }
  return true;
}

inline constexpr Packing kPacking = {"q5_0",
                                     6,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::q5_0
