#pragma once

#include "kernels/cpu/impl/simd.h"

// Elementary functions on 16 lanes; NaN gives NaN.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// x * 2^n for whole n in -160..160, in two steps so that results below the normal floats round once.
CONCORD_INLINE VecF ScaleByPower(VecF x, VecF n) {
#if defined(__AVX512F__)
  return (VecF)_mm512_scalef_ps((__m512)x, (__m512)n);
#else
  const VecI whole = ToInt(n);
  const VecI half = whole >> 1;
  const VecF a = (VecF)((half + SetI(127)) << 23);
  const VecF b = (VecF)((whole - half + SetI(127)) << 23);
  return x * a * b;
#endif
}

// e^x within 2 ulp; 0 below -104, infinity above 88.73. x = n ln 2 + r with |r| <= ln 2 / 2; ln 2 in two parts, the
// first with 15 bits, so that n times it is exact; the polynomial is Cephes' minimax of (e^r - 1 - r) / r^2.
CONCORD_INLINE VecF Exp(VecF x) {
  x = MaxV(Set(-104.0f), MinV(Set(89.0f), x));
  const VecF magic = Set(0x1.8p23f);
  const VecF n = MulAdd(x, Set(1.44269504088896341f), magic) - magic;
  VecF r = MulAdd(n, Set(-0.693359375f), x);
  r = MulAdd(n, Set(2.12194440e-4f), r);
  VecF p = Set(1.9875691500e-4f);
  p = MulAdd(p, r, Set(1.3981999507e-3f));
  p = MulAdd(p, r, Set(8.3334519073e-3f));
  p = MulAdd(p, r, Set(4.1665795894e-2f));
  p = MulAdd(p, r, Set(1.6666665459e-1f));
  p = MulAdd(p, r, Set(5.0000001201e-1f));
  p = MulAdd(p * r, r, r) + Set(1.0f);
  return ScaleByPower(p, n);
}

CONCORD_INLINE VecF Sigmoid(VecF x) { return Set(1.0f) / (Set(1.0f) + Exp(-x)); }
CONCORD_INLINE VecF Silu(VecF x) { return x / (Set(1.0f) + Exp(-x)); }

// 1 - 2 / (e^2|x| + 1), and near zero, where that cancels, Cephes' polynomial.
CONCORD_INLINE VecF Tanh(VecF x) {
  const VecF a = Abs(x);
  const VecF big = Set(1.0f) - Set(2.0f) / (Exp(a + a) + Set(1.0f));
  const VecF z = x * x;
  VecF p = Set(-5.70498872745e-3f);
  p = MulAdd(p, z, Set(2.06390887954e-2f));
  p = MulAdd(p, z, Set(-5.37397155531e-2f));
  p = MulAdd(p, z, Set(1.33314422036e-1f));
  p = MulAdd(p, z, Set(-3.33332819422e-1f));
  const VecF small = MulAdd(p * z, x, x);
  const VecI sign = (VecI)x & SetI(static_cast<int32_t>(0x80000000u));
  return Select((VecI)(a < Set(0.625f)), small, (VecF)((VecI)big | sign));
}

// x (1 + tanh(u)) / 2 = x / (1 + e^-2u), u = sqrt(2 / pi) (x + 0.044715 x^3): nothing cancels in this form.
CONCORD_INLINE VecF GeluTanh(VecF x) {
  const VecF u = x * MulAdd(Set(0.044715f) * x, x, Set(1.0f));
  return x / (Set(1.0f) + Exp(u * Set(-1.5957691216057308f)));
}

// log(1 + e^x); off the hot path, so the C library's.
CONCORD_INLINE VecF Softplus(VecF x) {
  float y[16];
  for (int i = 0; i < 16; ++i) {
    y[i] = (x[i] > 0.0f ? x[i] : 0.0f) + __builtin_log1pf(__builtin_expf(-__builtin_fabsf(x[i])));
  }
  return Load(y);
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
