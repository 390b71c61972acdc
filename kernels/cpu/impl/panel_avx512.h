#pragma once

#include "kernels/cpu/impl/formats.h"

// Decoding of panels with AVX-512. Rows lie apart in memory and lanes are rows, so the work is a transposition of
// dwords; it is done on the packed bytes, before they are spread, when there are fewest.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// Where decoded codes go: dword i of the chunk, lane = row. Scales go to the panel in any case.

// Into the panel, for several rows of x.
struct PanelSink {
  Panel* panel;
  CONCORD_INLINE_MEMBER void Put(int64_t i, __m512i v) { _mm512_store_si512(panel->q[i], v); }
};

// Straight into the products with one row of x, which saves the way through L1. The integer sums are exact, so the bits
// are those of the panel.
template <int kGroupElems>
struct DotSink {
  Panel* panel;
  const int8_t* x;
  __m512i dot[kChunk / kGroupElems];
  CONCORD_INLINE_MEMBER void Put(int64_t i, __m512i v) {
    int32_t four;
    __builtin_memcpy(&four, x + 4 * i, 4);
    __m512i& d = dot[i / (kGroupElems / 4)];
    d = _mm512_dpbusd_epi32(d, v, _mm512_set1_epi32(four));
  }
};

// Bytes [offset, offset + 16) of four rows, four apart: the lanes of 128 bits of one register.
CONCORD_INLINE __m512i LoadFourRows(const uint8_t* const* rows, int first, int64_t offset) {
  const auto at = [&](int r) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows[first + r] + offset)); };
  __m512i v = _mm512_castsi128_si512(at(0));
  v = _mm512_mask_broadcast_i32x4(v, 0x00f0, at(4));
  v = _mm512_mask_broadcast_i32x4(v, 0x0f00, at(8));
  return _mm512_mask_broadcast_i32x4(v, 0xf000, at(12));
}

struct Dwords4 {
  __m512i v[4];
};

// Dword i of bytes [offset, offset + 16) of 16 rows in v[i], lane = row.
CONCORD_INLINE Dwords4 LoadColumns(const uint8_t* const* rows, int64_t offset) {
  const __m512i a = LoadFourRows(rows, 0, offset);
  const __m512i b = LoadFourRows(rows, 1, offset);
  const __m512i c = LoadFourRows(rows, 2, offset);
  const __m512i d = LoadFourRows(rows, 3, offset);
  const __m512i ab_low = _mm512_unpacklo_epi32(a, b);
  const __m512i ab_high = _mm512_unpackhi_epi32(a, b);
  const __m512i cd_low = _mm512_unpacklo_epi32(c, d);
  const __m512i cd_high = _mm512_unpackhi_epi32(c, d);
  return {{_mm512_unpacklo_epi64(ab_low, cd_low), _mm512_unpackhi_epi64(ab_low, cd_low),
           _mm512_unpacklo_epi64(ab_high, cd_high), _mm512_unpackhi_epi64(ab_high, cd_high)}};
}

CONCORD_INLINE __m512i Bytes512(int x) { return _mm512_set1_epi8(static_cast<char>(x)); }
CONCORD_INLINE __m512i LowNibbles(__m512i v) { return _mm512_and_si512(v, Bytes512(15)); }
CONCORD_INLINE __m512i HighNibbles(__m512i v) { return LowNibbles(_mm512_srli_epi32(v, 4)); }
// Where the mask has ones a, else b.
CONCORD_INLINE __m512i Blend(__m512i mask, __m512i a, __m512i b) { return _mm512_ternarylogic_epi32(mask, a, b, 0xca); }

// A half of every row, `step` bytes apart for `count` blocks. They go through memory on the integer side, which is idle
// otherwise, all of a chunk first, so that no wide load waits for the narrow stores.
CONCORD_INLINE void GatherHalves(const uint8_t* const* rows, int64_t offset, int64_t step, int64_t count,
                                 uint16_t (*out)[kPanelRows]) {
  for (int64_t b = 0; b < count; ++b) {
    CONCORD_UNROLL for (int r = 0; r < kPanelRows; ++r) __builtin_memcpy(&out[b][r], rows[r] + offset + b * step, 2);
  }
}

CONCORD_INLINE __m512 HalvesToFloat(const uint16_t* halves) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(halves)));
}

template <typename Sink>
CONCORD_INLINE void DecodeTo(FormatQ4K, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  Panel* panel = sink->panel;
  const __m512i six = Bytes512(0x3f);
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * FormatQ4K::kBlockBytes;
    const Dwords4 head = LoadColumns(rows, at);  // d | dmin, scales[0..3], [4..7], [8..11]
    const __m512 d = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(head.v[0]));
    const __m512 neg_dmin = -_mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(head.v[0], 16)));
    const __m512i top = Bytes512(0x30);
    __m512i scales[2] = {
        _mm512_and_si512(head.v[1], six),
        _mm512_or_si512(LowNibbles(head.v[3]), _mm512_and_si512(_mm512_srli_epi32(head.v[1], 2), top))};
    __m512i mins[2] = {_mm512_and_si512(head.v[2], six),
                       _mm512_or_si512(HighNibbles(head.v[3]), _mm512_and_si512(_mm512_srli_epi32(head.v[2], 2), top))};
    const __m512i low = _mm512_set1_epi32(255);
    CONCORD_UNROLL for (int s = 0; s < 8; ++s) {
      __m512i& sc = scales[s / 4];
      __m512i& mn = mins[s / 4];
      _mm512_store_ps(panel->scale[b * 8 + s], d * _mm512_cvtepi32_ps(_mm512_and_si512(sc, low)));
      _mm512_store_ps(panel->neg_min[b * 8 + s], neg_dmin * _mm512_cvtepi32_ps(_mm512_and_si512(mn, low)));
      sc = _mm512_srli_epi32(sc, 8);
      mn = _mm512_srli_epi32(mn, 8);
    }
    CONCORD_UNROLL for (int c = 0; c < 8; ++c) {  // 16 bytes of q: sub-blocks 2j and 2j + 1, j = c / 2
      const Dwords4 q = LoadColumns(rows, at + 16 + 16 * c);
      CONCORD_UNROLL for (int i = 0; i < 4; ++i) {
        const int64_t to = b * 64 + c / 2 * 16 + c % 2 * 4 + i;
        sink->Put(to, LowNibbles(q.v[i]));
        sink->Put(to + 8, HighNibbles(q.v[i]));
      }
    }
  }
}

template <typename Sink>
CONCORD_INLINE void DecodeTo(FormatQ6K, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  Panel* panel = sink->panel;
  uint16_t halves[kChunk / 256][kPanelRows];
  GatherHalves(rows, first * FormatQ6K::kBlockBytes + 208, FormatQ6K::kBlockBytes, count, halves);
  const __m512i nibble = Bytes512(15);
  const __m512i six = Bytes512(0x3f);
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * FormatQ6K::kBlockBytes;
    CONCORD_UNROLL for (int c = 0; c < 4;
                        ++c) {  // 16 of the 64 bytes of high pairs, with the low nibbles that they belong to
      const int64_t half = c / 2;
      const Dwords4 high = LoadColumns(rows, at + 128 + 16 * c);
      const Dwords4 low0 = LoadColumns(rows, at + 64 * half + 16 * (c % 2));
      const Dwords4 low1 = LoadColumns(rows, at + 64 * half + 32 + 16 * (c % 2));
      CONCORD_UNROLL for (int i = 0; i < 4; ++i) {
        const int64_t to = b * 64 + half * 32 + c % 2 * 4 + i;
        const __m512i e = high.v[i];
        const __m512i q0 = Blend(nibble, low0.v[i], _mm512_slli_epi32(e, 4));
        const __m512i q1 = Blend(nibble, low1.v[i], _mm512_slli_epi32(e, 2));
        const __m512i q2 = Blend(nibble, _mm512_srli_epi32(low0.v[i], 4), e);
        const __m512i q3 = Blend(nibble, _mm512_srli_epi32(low1.v[i], 4), _mm512_srli_epi32(e, 2));
        sink->Put(to, _mm512_and_si512(q0, six));
        sink->Put(to + 8, _mm512_and_si512(q1, six));
        sink->Put(to + 16, _mm512_and_si512(q2, six));
        sink->Put(to + 24, _mm512_and_si512(q3, six));
      }
    }
    const __m512 d = HalvesToFloat(halves[b]);
    const Dwords4 scales = LoadColumns(rows, at + 192);
    CONCORD_UNROLL for (int i = 0; i < 4; ++i) {
      CONCORD_UNROLL for (int j = 0; j < 4; ++j) {
        const __m512i sc = _mm512_srai_epi32(_mm512_slli_epi32(scales.v[i], 24 - 8 * j), 24);
        _mm512_store_ps(panel->scale[b * 16 + 4 * i + j], d * _mm512_cvtepi32_ps(sc));
      }
    }
  }
}

template <typename Sink>
CONCORD_INLINE void DecodeTo(FormatQ8_0, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  Panel* panel = sink->panel;
  uint16_t halves[kChunk / 32][kPanelRows];
  GatherHalves(rows, first * FormatQ8_0::kBlockBytes, FormatQ8_0::kBlockBytes, count, halves);
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * FormatQ8_0::kBlockBytes + 2;
    CONCORD_UNROLL for (int c = 0; c < 2; ++c) {
      const Dwords4 q = LoadColumns(rows, at + 16 * c);
      CONCORD_UNROLL for (int i = 0; i < 4; ++i) sink->Put(b * 8 + 4 * c + i, _mm512_xor_si512(q.v[i], Bytes512(0x80)));
    }
  }
  for (int64_t b = 0; b < count; ++b) _mm512_store_ps(panel->scale[b], HalvesToFloat(halves[b]));
}

template <typename Sink>
CONCORD_INLINE void DecodeTo(FormatQ4_0, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  Panel* panel = sink->panel;
  uint16_t halves[kChunk / 32][kPanelRows];
  GatherHalves(rows, first * FormatQ4_0::kBlockBytes, FormatQ4_0::kBlockBytes, count, halves);
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    const Dwords4 q = LoadColumns(rows, (first + b) * FormatQ4_0::kBlockBytes + 2);
    CONCORD_UNROLL for (int i = 0; i < 4; ++i) {
      sink->Put(b * 8 + i, LowNibbles(q.v[i]));
      sink->Put(b * 8 + 4 + i, HighNibbles(q.v[i]));
    }
  }
  for (int64_t b = 0; b < count; ++b) _mm512_store_ps(panel->scale[b], HalvesToFloat(halves[b]));
}

template <typename F>
constexpr bool kHasFastDecode = false;
template <>
constexpr bool kHasFastDecode<FormatQ4K> = true;
template <>
constexpr bool kHasFastDecode<FormatQ6K> = true;
template <>
constexpr bool kHasFastDecode<FormatQ8_0> = true;
template <>
constexpr bool kHasFastDecode<FormatQ4_0> = true;

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
