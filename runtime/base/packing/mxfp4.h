#pragma once

#include <cmath>

#include "blocks.h"
#include "fit.h"

// 32 elements of 4-bit floating point (E2M1) with one power of two (E8M0) as scale (GGUF type 39): 4.25 bits an
// element.
namespace concord::packing::mxfp4 {

inline constexpr int kBlockElems = 32;

#pragma pack(push, 1)
struct Block {
  uint8_t e;       // E8M0: the scale is 2^(e - 127); 255 is not a number
  uint8_t qs[16];  // codes of kFp4: element j in the low nibble of qs[j], element j + 16 in the high one
};
#pragma pack(pop)
static_assert(sizeof(Block) == 17, "GGUF stores mxfp4 in 17 bytes");

inline constexpr float kFp4[16] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};

// 2^(e - 127): 2^-127 is below the normal floats, and 255 gives NaN.
inline float Scale(uint8_t e) {
  if (e == 255) return F32FromBits(0x7fc00000u);
  return F32FromBits(e == 0 ? 0x00400000u : static_cast<uint32_t>(e) << 23);
}

// y = 2^(e - 127) kFp4[code].
inline void DecodeBlock(const Block& block, float* out) {
  const float scale = Scale(block.e);
  for (int j = 0; j < 16; ++j) {
    out[j] = scale * kFp4[LowNibble(block.qs[j])];
    out[j + 16] = scale * kFp4[HighNibble(block.qs[j])];
  }
}

// The code nearest to `value`, ties to the even code; never -0.
inline int NearestFp4(double value) {
  const double magnitude = std::fabs(value);
  int code = 0;
  for (int i = 0; i < 7; ++i) {
    const double middle = 0.5 * (static_cast<double>(kFp4[i]) + static_cast<double>(kFp4[i + 1]));
    code += (i % 2 == 0 ? magnitude > middle : magnitude >= middle) ? 1 : 0;
  }
  return code != 0 && value < 0 ? code | 8 : code;
}

// Encodes with the scale e; the sum of squared errors.
inline double EncodeWith(int e, const float* in, Block* block) {
  const double scale = std::ldexp(1.0, e - 127);
  double error = 0;
  *block = {};
  block->e = static_cast<uint8_t>(e);
  for (int j = 0; j < kBlockElems; ++j) {
    const int code = NearestFp4(in[j] / scale);
    const double difference = in[j] - scale * static_cast<double>(kFp4[code]);
    block->qs[j % 16] = static_cast<uint8_t>(block->qs[j % 16] | code << (j / 16 * 4));
    error += difference * difference;
  }
  return error;
}

// The largest magnitude lies in [4, 8) under the smaller of two scales, where it may be cut to 6, and in [2, 4) under
// the larger: the one with the smaller error.
inline bool EncodeBlock(const float* in, Block* block) {
  const float magnitude = std::fabs(SignedExtreme(in, kBlockElems));
  if (magnitude == 0) return true;
  int exponent = 0;
  std::frexp(magnitude, &exponent);  // magnitude in [2^(exponent - 1), 2^exponent)
  const int e = NearestIn(static_cast<float>(exponent - 3 + 127), 0, 252);
  Block wider;
  const double error = EncodeWith(e, in, block);
  // At the very top the wider scale could round up to 2^128, which is no float.
  if (e < 252 && EncodeWith(e + 1, in, &wider) < error) *block = wider;
  return true;
}

inline constexpr Packing kPacking = {"mxfp4",
                                     39,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::mxfp4
