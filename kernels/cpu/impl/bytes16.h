#pragma once

#include "kernels/cpu/impl/simd.h"

// Sixteen bytes, which every instruction set has a register for: what formulas of block formats are written in.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

typedef uint8_t Bytes16 __attribute__((vector_size(16)));

CONCORD_INLINE Bytes16 LoadBytes16(const void* p) {
  Bytes16 v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
CONCORD_INLINE void StoreBytes16(uint8_t* p, Bytes16 v) { __builtin_memcpy(p, &v, sizeof v); }

// Bit i of two bytes to all bits of byte i.
CONCORD_INLINE Bytes16 SpreadBits(const uint8_t* bits) {
  const uint64_t eights[2] = {bits[0] * 0x0101010101010101u, bits[1] * 0x0101010101010101u};
  const Bytes16 bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  return (Bytes16)((LoadBytes16(eights) & bit) == bit);
}

// table[i] for indices 0..15.
CONCORD_INLINE Bytes16 LookUp(Bytes16 table, Bytes16 i) {
#if defined(__AVX2__)
  return (Bytes16)_mm_shuffle_epi8((__m128i)table, (__m128i)i);
#elif defined(CONCORD_ISA_NEON)
  return vqtbl1q_u8(table, i);
#else
  Bytes16 out;
  for (int l = 0; l < 16; ++l) out[l] = table[i[l]];
  return out;
#endif
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
