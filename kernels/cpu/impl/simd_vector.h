#pragma once

// Included by simd.h. Sixteen lanes as one vector of gcc and clang, which serves every instruction set.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

typedef float VecF __attribute__((vector_size(64)));
typedef int32_t VecI __attribute__((vector_size(64)));
typedef uint32_t VecU __attribute__((vector_size(64)));
typedef uint16_t VecH __attribute__((vector_size(32)));

template <typename Vec>
CONCORD_INLINE Vec LoadAs(const void* p) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
CONCORD_INLINE void Store(float* p, VecF v) { __builtin_memcpy(p, &v, sizeof v); }

CONCORD_INLINE VecF Set(float x) { return VecF{x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
CONCORD_INLINE VecI SetI(int32_t x) { return VecI{x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
CONCORD_INLINE VecI Iota() { return VecI{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }

CONCORD_INLINE VecF ToFloat(VecI v) { return __builtin_convertvector(v, VecF); }
CONCORD_INLINE VecI ToInt(VecF v) { return __builtin_convertvector(v, VecI); }  // truncates
CONCORD_INLINE VecU Widen(VecH h) { return __builtin_convertvector(h, VecU); }
// 16 signed bytes. gcc 12 turns __builtin_convertvector of bytes into 16 scalar shifts.
CONCORD_INLINE VecI LoadBytes(const void* p) {
#if defined(__AVX512F__)
  return (VecI)_mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
#else
  typedef int8_t VecB __attribute__((vector_size(16)));
  return __builtin_convertvector(LoadAs<VecB>(p), VecI);
#endif
}
// 32 bits in a lane: eight lanes from each.
CONCORD_INLINE VecF LoadEights(const void* low, const void* high) {
#if defined(__AVX512F__)
  const __m512i first = _mm512_castsi256_si512(_mm256_loadu_si256(static_cast<const __m256i*>(low)));
  return (VecF)_mm512_inserti64x4(first, _mm256_loadu_si256(static_cast<const __m256i*>(high)), 1);
#else
  typedef float Eight __attribute__((vector_size(32)));
  const Eight a = LoadAs<Eight>(low), b = LoadAs<Eight>(high);
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
}
CONCORD_INLINE void SetHalf(VecH* v, int lane, const void* half) {
  uint16_t h;
  __builtin_memcpy(&h, half, 2);
  (*v)[lane] = h;
}

#if !defined(__AVX512F__) && !defined(__FP_FAST_FMAF)
// What a fused multiply-add gives, without the instruction and without a call for each lane: the product of two floats
// is exact as a double, and a sum that is rounded to odd may be rounded again (Boldo and Melquiond, Emulation of FMA
// and correctly rounded sums, 2008). Two lanes: as many doubles as the narrowest vector registers hold.
typedef float Two __attribute__((vector_size(8)));
CONCORD_INLINE Two FmaByDoubles(Two a, Two b, Two c) {
  typedef double Doubles __attribute__((vector_size(16)));
  typedef int64_t Bits __attribute__((vector_size(16)));
  const auto wide = [](Two v) { return __builtin_convertvector(v, Doubles); };
  const Doubles product = wide(a) * wide(b), addend = wide(c), sum = product + addend, rest = sum - product;
  const Doubles error = (product - (sum - rest)) + (addend - rest);  // of the sum, exact; NaN where that is not finite
  const Bits up = error > 0.0, down = error < 0.0, negative = sum < 0.0, inexact = up | down;
  const Bits bits = (Bits)sum + ((down ^ negative) & inexact);  // towards the error, then to the odd neighbour
  return __builtin_convertvector((Doubles)(bits | (inexact & Bits{1, 1})), Two);
}
#endif

// Fused, on every machine: for results that are the same on all of them.
CONCORD_INLINE VecF Fma(VecF a, VecF b, VecF c) {
#if defined(__AVX512F__)
  return (VecF)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FP_FAST_FMAF)
  for (int i = 0; i < 16; ++i) c[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return c;
#else
  const auto pair = [](const VecF& v, int i) { return LoadAs<Two>(reinterpret_cast<const float*>(&v) + i); };
  CONCORD_UNROLL for (int i = 0; i < 16; i += 2) {
    const Two r = FmaByDoubles(pair(a, i), pair(b, i), pair(c, i));
    c[i] = r[0], c[i + 1] = r[1];
  }
  return c;
#endif
}

CONCORD_INLINE VecF Sqrt(VecF a) {
#if defined(__AVX512F__)
  return (VecF)_mm512_sqrt_ps((__m512)a);
#else
  for (int i = 0; i < 16; ++i) a[i] = __builtin_sqrtf(a[i]);
  return a;
#endif
}

CONCORD_INLINE VecF InterleaveLow(VecF a, VecF b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
CONCORD_INLINE VecF InterleaveHigh(VecF a, VecF b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
// Every second lane of a and then b.
CONCORD_INLINE VecF Evens(VecF a, VecF b) {
  return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}
CONCORD_INLINE VecF Odds(VecF a, VecF b) {
  return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

// The 8 upper lanes, then the 4 upper of those, then 2, in front.
CONCORD_INLINE VecF Upper8(VecF v) {
  return __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
}
CONCORD_INLINE VecF Upper4(VecF v) {
  return __builtin_shufflevector(v, v, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7);
}
CONCORD_INLINE VecF Upper2(VecF v) {
  return __builtin_shufflevector(v, v, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3, 2, 3);
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
