#pragma once

#include <cmath>

#include "blocks.h"
#include "fit.h"
#include "nl4.h"

// 32 elements of 4 bits on a fixed set of uneven levels, with one scale (GGUF type 20): 4.5 bits an element.
namespace concord::packing::iq4_nl {

inline constexpr int kBlockElems = 32;

#pragma pack(push, 1)
struct Block {
  uint16_t d;      // half: the scale
  uint8_t qs[16];  // codes of kNl4: element j in the low nibble of qs[j], element j + 16 in the high one
};
#pragma pack(pop)
static_assert(sizeof(Block) == 18, "GGUF stores iq4_nl in 18 bytes");

// y = d kNl4[code].
inline void DecodeBlock(const Block& block, float* out) {
  const float d = F16ToF32(block.d);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(kNl4[LowNibble(block.qs[j])]);
    out[j + 16] = d * static_cast<float>(kNl4[HighNibble(block.qs[j])]);
  }
}

// A scale by weighted least squares, then the nearest levels under the scale as stored.
inline bool EncodeBlock(const float* in, Block* block) {
  const float magnitude = std::fabs(SignedExtreme(in, kBlockElems));
  if (magnitude > kLargestEncodable) return false;
  float inverse = 0;
  if (magnitude >= kSmallestEncodable) {
    float weights[kBlockElems];
    ErrorWeights(in, kBlockElems, magnitude, weights);
    block->d = F32ToF16Away(FitScale(in, weights, kBlockElems, kNl4[0], magnitude * kNegligible,
                                     [](float value) { return static_cast<float>(kNl4[NearestNl4(value)]); }));
    if (!IsFiniteF16(block->d)) return false;
    inverse = 1 / F16ToF32(block->d);
  }
  for (int j = 0; j < 16; ++j) {
    block->qs[j] = static_cast<uint8_t>(NearestNl4(in[j] * inverse) | NearestNl4(in[j + 16] * inverse) << 4);
  }
  return true;
}

inline constexpr Packing kPacking = {"iq4_nl",
                                     20,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::iq4_nl
