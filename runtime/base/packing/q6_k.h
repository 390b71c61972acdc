#pragma once

#include <cmath>

#include "blocks.h"
#include "fit.h"

// 256 elements of 6 bits around zero in 16 sub-blocks of 16 with 8-bit scales (GGUF type 14): 6.5625 bits an element.
namespace concord::packing::q6_k {

inline constexpr int kBlockElems = 256;

#pragma pack(push, 1)
struct Block {
  uint8_t ql[128];    // bits 0-3 of element 128 n + 32 t + l (l < 32): nibble t / 2 of ql[64 n + 32 (t % 2) + l]
  uint8_t qh[64];     // bits 4-5 of that element: bits 2 t of qh[32 n + l]; 32 means zero
  int8_t scales[16];  // sub-block s: elements 16 s ...
  uint16_t d;         // half: the scale of the scales
};
#pragma pack(pop)
static_assert(sizeof(Block) == 210, "GGUF stores q6_k in 210 bytes");

// y = d scale (q - 32).
inline void DecodeBlock(const Block& block, float* out) {
  const float d = F16ToF32(block.d);
  for (int s = 0; s < 16; ++s) {
    const float scale = d * static_cast<float>(block.scales[s]);
    const int half = s / 8;
    const int t = s % 8 / 2;
    const uint8_t* ql = block.ql + 64 * half + 32 * (t % 2) + 16 * (s % 2);
    const uint8_t* qh = block.qh + 32 * half + 16 * (s % 2);
    for (int l = 0; l < 16; ++l) {
      const int q = ((ql[l] >> (t / 2 * 4)) & 15) | ((qh[l] >> (2 * t)) & 3) << 4;
      out[16 * s + l] = scale * static_cast<float>(q - 32);
    }
  }
}

// Weighted squared error of one sub-block under `scale`; stores the nearest q of 0..63.
inline float QuantizeSubBlock(const float* x, const float* weights, float scale, uint8_t* q) {
  const float inverse = scale != 0 ? 1 / scale : 0;
  float error = 0;
  for (int i = 0; i < 16; ++i) {
    const int level = NearestIn(x[i] * inverse, -32, 31);
    const float difference = x[i] - scale * static_cast<float>(level);
    q[i] = static_cast<uint8_t>(level + 32);
    error += weights[i] * difference * difference;
  }
  return error;
}

// The 8-bit scale near `fit`, a multiple of d, with the smallest error, and its q.
inline int8_t RoundScale(const float* x, const float* weights, float fit, float d, uint8_t* q) {
  const int nearest = NearestIn(fit / d, -128, 127);
  int best = nearest;
  float best_error = QuantizeSubBlock(x, weights, d * static_cast<float>(nearest), q);
  for (int scale = nearest - 1; scale <= nearest + 1; scale += 2) {
    if (scale < -128 || scale > 127) continue;
    uint8_t trial[16];
    const float error = QuantizeSubBlock(x, weights, d * static_cast<float>(scale), trial);
    if (error >= best_error) continue;
    best_error = error;
    best = scale;
    std::memcpy(q, trial, sizeof trial);
  }
  return static_cast<int8_t>(best);
}

inline void PackElements(const uint8_t q[256], Block* block) {
  for (int half = 0; half < 2; ++half) {
    for (int l = 0; l < 32; ++l) {
      const uint8_t* e = q + 128 * half + l;
      block->ql[64 * half + l] = static_cast<uint8_t>((e[0] & 15) | (e[64] & 15) << 4);
      block->ql[64 * half + 32 + l] = static_cast<uint8_t>((e[32] & 15) | (e[96] & 15) << 4);
      block->qh[32 * half + l] = static_cast<uint8_t>(e[0] >> 4 | e[32] >> 4 << 2 | e[64] >> 4 << 4 | e[96] >> 4 << 6);
    }
  }
}

// Scales of the sub-blocks by weighted least squares; the largest becomes -128.
inline bool EncodeBlock(const float* in, Block* block) {
  const float magnitude = std::fabs(SignedExtreme(in, kBlockElems));
  if (magnitude > kLargestEncodable) return false;
  uint8_t q[kBlockElems];
  std::memset(q, 32, sizeof q);
  if (magnitude >= kSmallestEncodable) {
    float weights[kBlockElems];
    float fits[16];
    ErrorWeights(in, kBlockElems, magnitude, weights);
    for (int s = 0; s < 16; ++s) {
      fits[s] = FitScale(in + 16 * s, weights + 16 * s, 16, -32, magnitude * kNegligible,
                         [](float value) { return static_cast<float>(NearestIn(value, -32, 31)); });
    }
    block->d = F32ToF16Away(SignedExtreme(fits, 16) / -128);
    if (!IsFiniteF16(block->d)) return false;
    const float d = F16ToF32(block->d);
    for (int s = 0; s < 16; ++s) {
      block->scales[s] = RoundScale(in + 16 * s, weights + 16 * s, fits[s], d, q + 16 * s);
    }
  }
  PackElements(q, block);
  return true;
}

inline constexpr Packing kPacking = {"q6_k",
                                     14,
                                     kBlockElems,
                                     sizeof(Block),
                                     DecodeBlocks<Block, kBlockElems, DecodeBlock>,
                                     EncodeBlocks<Block, kBlockElems, EncodeBlock>};

}  // namespace concord::packing::q6_k
