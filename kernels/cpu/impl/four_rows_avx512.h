#pragma once

#include "kernels/cpu/impl/dot_avx512.h"
#include "kernels/cpu/impl/panel_avx512.h"

// What one row of x by four rows of W is made of. A register of results is four groups by four rows of W: lane 4 l + r
// is row r in group GroupOf(order, v, l) of a chunk of 256 elements. Each row is read along its length, 64 bytes at a
// time where the format lets one, and sums cross lanes only when they are few. Integer sums are exact, so their order
// does not show in the results.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// In which order a format's bytes give the elements, and so wants the 16 pieces of 16 elements of x.
enum class Order {
  kAsTheyAre,
  kHalves,    // low nibbles are the first halves of four groups, high ones the second
  kPairs,     // low nibbles are groups 0 and 2 of four, high ones 1 and 3
  kQuarters,  // pairs of bits: part p of both halves of 256 elements
};
constexpr int PieceOf(Order order, int i) {
  const int lane = i % 4, high = i / 4 % 2, part = i / 4;
  switch (order) {
    case Order::kHalves:
      return 2 * (i / 8 * 4 + lane) + high;
    case Order::kPairs:
      return 2 * (i / 8 * 4 + lane / 2 * 2 + high) + lane % 2;
    case Order::kQuarters:
      return lane / 2 * 8 + part * 2 + lane % 2;
    default:
      return i;
  }
}
constexpr int GroupOf(Order order, int v, int l) {
  switch (order) {
    case Order::kPairs:
      return 4 * v + l % 2 * 2 + l / 2;
    case Order::kQuarters:
      return l / 2 * 8 + 2 * v + l % 2;
    default:
      return 4 * v + l;
  }
}

CONCORD_INLINE __m512i Load512(const void* p) { return _mm512_loadu_si512(p); }
CONCORD_INLINE __m128i Load128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
CONCORD_INLINE __m512i Both256(const void* p) {
  return _mm512_broadcast_i64x4(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
}
CONCORD_INLINE __m512i Two256(const uint8_t* p, int64_t step) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))),
                            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + step)), 1);
}
CONCORD_INLINE __m512i Four128(const uint8_t* p, int64_t step) {
  __m512i v = _mm512_castsi128_si512(Load128(p));
  v = _mm512_mask_broadcast_i32x4(v, 0x00f0, Load128(p + step));
  v = _mm512_mask_broadcast_i32x4(v, 0x0f00, Load128(p + 2 * step));
  return _mm512_mask_broadcast_i32x4(v, 0xf000, Load128(p + 3 * step));
}
CONCORD_INLINE __m512i Dwords(int low, int high) {  // 8 lanes each
  return _mm512_inserti64x4(_mm512_set1_epi32(low), _mm256_set1_epi32(high), 1);
}
CONCORD_INLINE uint16_t Load16(const void* p) {
  uint16_t x;
  __builtin_memcpy(&x, p, 2);
  return x;
}
CONCORD_INLINE int Load32(const void* p) {
  int x;
  __builtin_memcpy(&x, p, 4);
  return x;
}
// Sums of four products of codes u with 64 bytes of x, from 0 on.
CONCORD_INLINE __m512i DotX(__m512i u, const int8_t* x) { return AddDotBytes(__m512i{}, u, Load512(x)); }

struct Four {
  __m512i v[4];  // a row each: four parts of a sum in each 128 bits
};
// The sums of the parts, 128 bits by 128 bits: lane 4 l + r. No part is beyond +-kLargest. Those that two bytes hold
// are packed, and pairs added by a multiplication with ones: two instructions instead of three.
template <int kLargest>
CONCORD_INLINE __m512i SumParts(const Four& f) {
  if constexpr (kLargest > 32767) {
    const auto fold = [](__m512i a, __m512i b) {  // a0 + a2, b0 + b2, a1 + a3, b1 + b3
      return _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    };
    const __m512i ab = fold(f.v[0], f.v[1]), cd = fold(f.v[2], f.v[3]);
    return _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  } else {
    const auto fold = [](__m512i a, __m512i b) {  // a0 + a1, a2 + a3, b0 + b1, b2 + b3
      return _mm512_madd_epi16(_mm512_packs_epi32(a, b), _mm512_set1_epi16(1));
    };
    const __m512i ab = fold(f.v[0], f.v[1]), cd = fold(f.v[2], f.v[3]);
    if constexpr (2 * kLargest <= 32767) return fold(ab, cd);
    const __m512 x = _mm512_castsi512_ps(ab), y = _mm512_castsi512_ps(cd);
    return _mm512_add_epi32(_mm512_castps_si512(_mm512_shuffle_ps(x, y, 0x88)),
                            _mm512_castps_si512(_mm512_shuffle_ps(x, y, 0xdd)));
  }
}
// The four lanes of 128 bits of v.
CONCORD_INLINE __m128i SumOfLanes(__m512i v) {
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}
// Where a group takes two lanes of 128 bits: those of a's lanes 0 and 1, 2 and 3, then of b's.
CONCORD_INLINE __m512i SumLanes(__m512i a, __m512i b) {
  return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
}

// A half of each row, in every 128 bits.
CONCORD_INLINE __m512 HalvesOfRows(const uint8_t* const* w, int64_t at) {
  __m128i v = _mm_cvtsi32_si128(Load16(w[0] + at));
  v = _mm_insert_epi16(v, Load16(w[1] + at), 1);
  v = _mm_insert_epi16(v, Load16(w[2] + at), 2);
  return _mm512_broadcast_f32x4(_mm_cvtph_ps(_mm_insert_epi16(v, Load16(w[3] + at), 3)));
}
// Halves of four blocks `step` bytes apart, from `at` on.
CONCORD_INLINE __m512 HalvesOfBlocks(const uint8_t* const* w, int64_t at, int64_t step) {
  __m128i v[2];
  CONCORD_UNROLL for (int h = 0; h < 2; ++h) {
    const int64_t a = at + 2 * h * step, b = a + step;
    v[h] = _mm_cvtsi32_si128(Load16(w[0] + a));
    v[h] = _mm_insert_epi16(v[h], Load16(w[1] + a), 1);
    v[h] = _mm_insert_epi16(v[h], Load16(w[2] + a), 2);
    v[h] = _mm_insert_epi16(v[h], Load16(w[3] + a), 3);
    v[h] = _mm_insert_epi16(v[h], Load16(w[0] + b), 4);
    v[h] = _mm_insert_epi16(v[h], Load16(w[1] + b), 5);
    v[h] = _mm_insert_epi16(v[h], Load16(w[2] + b), 6);
    v[h] = _mm_insert_epi16(v[h], Load16(w[3] + b), 7);
  }
  return _mm512_cvtph_ps(_mm256_set_m128i(v[1], v[0]));
}

struct Bytes4 {
  __m128i v[4];
};
// Dwords of 16 bytes of each row: v[i] lane r.
CONCORD_INLINE Bytes4 DwordsOfRows(const uint8_t* const* w, int64_t at) {
  const __m128i a = Load128(w[0] + at), b = Load128(w[1] + at), c = Load128(w[2] + at), d = Load128(w[3] + at);
  const __m128i ab_low = _mm_unpacklo_epi32(a, b), ab_high = _mm_unpackhi_epi32(a, b);
  const __m128i cd_low = _mm_unpacklo_epi32(c, d), cd_high = _mm_unpackhi_epi32(c, d);
  return {{_mm_unpacklo_epi64(ab_low, cd_low), _mm_unpackhi_epi64(ab_low, cd_low), _mm_unpacklo_epi64(ab_high, cd_high),
           _mm_unpackhi_epi64(ab_high, cd_high)}};
}
// A byte for each of 16 groups of each row, to a byte for each lane of the four results, in order kAsTheyAre.
CONCORD_INLINE Bytes4 BytesByGroup(const Bytes4& rows) {
  const __m128i ab_low = _mm_unpacklo_epi8(rows.v[0], rows.v[1]), ab_high = _mm_unpackhi_epi8(rows.v[0], rows.v[1]);
  const __m128i cd_low = _mm_unpacklo_epi8(rows.v[2], rows.v[3]), cd_high = _mm_unpackhi_epi8(rows.v[2], rows.v[3]);
  return {{_mm_unpacklo_epi16(ab_low, cd_low), _mm_unpackhi_epi16(ab_low, cd_low), _mm_unpacklo_epi16(ab_high, cd_high),
           _mm_unpackhi_epi16(ab_high, cd_high)}};
}
// And in order kQuarters.
CONCORD_INLINE Bytes4 BytesByQuarter(const Bytes4& rows) {
  const Bytes4 g = BytesByGroup(rows);
  return {{_mm_unpacklo_epi64(g.v[0], g.v[2]), _mm_unpackhi_epi64(g.v[0], g.v[2]), _mm_unpacklo_epi64(g.v[1], g.v[3]),
           _mm_unpackhi_epi64(g.v[1], g.v[3])}};
}

// Bytes 4 r to 4 r + 3 of a and b are values of row r for four groups each: as words, lane 4 l + r those of groups 2 l
// and 2 l + 1.
CONCORD_INLINE __m512i WordPairs(__m128i a, __m128i b) {
  const __m128i by_pair = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
  return _mm512_cvtepu8_epi16(_mm256_set_m128i(_mm_shuffle_epi8(b, by_pair), _mm_shuffle_epi8(a, by_pair)));
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
