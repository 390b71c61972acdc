#pragma once

#include "kernels/cpu/impl/simd.h"
#include "kernels/cpu/rope.h"

namespace concord::kernels::CONCORD_ISA_NAMESPACE {

typedef double VecD __attribute__((vector_size(64)));
typedef int64_t VecL __attribute__((vector_size(64)));
typedef float VecF8 __attribute__((vector_size(32)));

CONCORD_INLINE VecD SetD(double x) { return VecD{x, x, x, x, x, x, x, x}; }
CONCORD_INLINE VecD SelectD(VecL mask, VecD yes, VecD no) { return (VecD)(((VecL)yes & mask) | ((VecL)no & ~mask)); }

// Reduction to |r| <= pi/4 with pi/2 in three parts (33 bits, 33 bits, the rest), then Taylor: the first terms left out
// are r^15/15! and r^16/16!, below 3e-14.
CONCORD_INLINE void SinCos(VecD x, VecD* sine, VecD* cosine) {
  const VecD magic = SetD(0x1.8p52);
  const VecD shifted = x * SetD(0.63661977236758134308) + magic;
  const VecL quadrant = (VecL)shifted;
  const VecD n = shifted - magic;
  VecD r = x - n * SetD(1.57079632673412561417e+00);
  r = r - n * SetD(6.07710050630396597660e-11);
  r = r - n * SetD(2.02226624879595063154e-21);
  const VecD z = r * r;
  VecD s = SetD(1.0 / 6227020800.0);
  s = s * z - SetD(1.0 / 39916800.0);
  s = s * z + SetD(1.0 / 362880.0);
  s = s * z - SetD(1.0 / 5040.0);
  s = s * z + SetD(1.0 / 120.0);
  s = s * z - SetD(1.0 / 6.0);
  s = s * z * r + r;
  VecD c = SetD(-1.0 / 87178291200.0);
  c = c * z + SetD(1.0 / 479001600.0);
  c = c * z - SetD(1.0 / 3628800.0);
  c = c * z + SetD(1.0 / 40320.0);
  c = c * z - SetD(1.0 / 720.0);
  c = c * z + SetD(1.0 / 24.0);
  c = c * z - SetD(0.5);
  c = c * z + SetD(1.0);
  const VecL swap = (VecL)((quadrant & 1) != 0);
  const VecL sine_sign = (quadrant & 2) << 62;
  const VecL cosine_sign = ((quadrant + 1) & 2) << 62;
  *sine = (VecD)((VecL)SelectD(swap, c, s) ^ sine_sign);
  *cosine = (VecD)((VecL)SelectD(swap, s, c) ^ cosine_sign);
}

static void RopeTable(const RopeTableArgs& args) {
  for (int64_t t = 0; t < args.n_tokens; ++t) {
    float* out = args.out + t * 2 * args.n_pairs;
    for (int64_t i = 0; i < args.n_pairs; i += 8) {
      const size_t bytes = static_cast<size_t>(Min(8, args.n_pairs - i)) * 4;
      VecF8 inv = {};
      __builtin_memcpy(&inv, args.inv_freq + i, bytes);
      VecD sine, cosine;
      SinCos(__builtin_convertvector(inv, VecD) * SetD(args.positions[t]), &sine, &cosine);
      const VecF8 c = __builtin_convertvector(cosine * SetD(args.attn_factor), VecF8);
      const VecF8 s = __builtin_convertvector(sine * SetD(args.attn_factor), VecF8);
      __builtin_memcpy(out + i, &c, bytes);
      __builtin_memcpy(out + args.n_pairs + i, &s, bytes);
    }
  }
}

// Pairs (x[i], x[half + i]).
CONCORD_INLINE void RotateHalves(const float* x, float* y, const float* table, int64_t half) {
  for (int64_t i = 0; i < half; i += kLanes) {
    const int64_t lanes = Min(kLanes, half - i);
    const VecF a = LoadPart(x + i, lanes);
    const VecF b = LoadPart(x + half + i, lanes);
    const VecF c = LoadPart(table + i, lanes);
    const VecF s = LoadPart(table + half + i, lanes);
    StorePart(y + i, MulAdd(a, c, -(b * s)), lanes);
    StorePart(y + half + i, MulAdd(a, s, b * c), lanes);
  }
}

// Pairs (x[2i], x[2i + 1]).
CONCORD_INLINE void RotateNeighbours(const float* x, float* y, const float* table, int64_t half) {
  for (int64_t i = 0; i < half; i += kLanes) {
    const int64_t first = Min(kLanes, 2 * (half - i));
    const int64_t second = Min(kLanes, 2 * (half - i) - first);
    const VecF low = LoadPart(x + 2 * i, first);
    const VecF high = LoadPart(x + 2 * i + first, second);
    const VecF a = Evens(low, high);
    const VecF b = Odds(low, high);
    const VecF c = LoadPart(table + i, Min(kLanes, half - i));
    const VecF s = LoadPart(table + half + i, Min(kLanes, half - i));
    const VecF u = MulAdd(a, c, -(b * s));
    const VecF v = MulAdd(a, s, b * c);
    StorePart(y + 2 * i, InterleaveLow(u, v), first);
    StorePart(y + 2 * i + first, InterleaveHigh(u, v), second);
  }
}

static void Rope(const RopeArgs& args) {
  for (int64_t t = 0; t < args.n_tokens; ++t) {
    const float* table = args.table + t * args.n_rot;
    for (int64_t h = 0; h < args.n_heads; ++h) {
      const float* x = args.x + t * args.x_stride + h * args.d_head;
      float* y = args.y + t * args.y_stride + h * args.d_head;
      const int64_t end = args.first_dim + args.n_rot;
      if (x != y) {
        __builtin_memcpy(y, x, static_cast<size_t>(args.first_dim) * 4);
        __builtin_memcpy(y + end, x + end, static_cast<size_t>(args.d_head - end) * 4);
      }
      if (args.neox) {
        RotateHalves(x + args.first_dim, y + args.first_dim, table, args.n_rot / 2);
      } else {
        RotateNeighbours(x + args.first_dim, y + args.first_dim, table, args.n_rot / 2);
      }
    }
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
