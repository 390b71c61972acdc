#pragma once

#include "kernels/cpu/impl/panel_avx512.h"

// Formats of 32 elements a block: PutCodes and PutScales of each. Scales are of at most 16 blocks.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// A block begins with its scale, and then its minimum where it has one, as halves.
template <typename F>
CONCORD_INLINE void PutScales(F, const uint8_t* const* rows, int64_t first, int64_t count, Panel* panel) {
  constexpr int64_t kStep = F::kBlockBytes;
  if constexpr (F::kHasMin) {
    uint32_t pairs[16][kPanelRows];
    Gather(rows, first * kStep, kStep, count, pairs);
    for (int64_t b = 0; b < count; ++b) {
      const __m512i pair = _mm512_loadu_si512(pairs[b]);
      _mm512_store_ps(panel->scale[b], LowHalves(pair));
      _mm512_store_ps(panel->neg_min[b], HighHalves(pair));
    }
  } else {
    uint16_t halves[16][kPanelRows];
    Gather(rows, first * kStep, kStep, count, halves);
    for (int64_t b = 0; b < count; ++b) _mm512_store_ps(panel->scale[b], HalvesToFloat(halves[b]));
  }
}

// 16 bytes of nibbles: the low ones are elements 0..15, the high ones 16..31.
template <typename Sink>
CONCORD_INLINE void PutNibbles(const uint8_t* const* rows, int64_t at, int64_t block, Sink* sink) {
  const Dwords4 q = LoadColumns(rows, at);
  CONCORD_UNROLL for (int i = 0; i < 4; ++i) {
    sink->Put(block * 8 + i, LowNibbles(q.v[i]));
    sink->Put(block * 8 + 4 + i, HighNibbles(q.v[i]));
  }
}

template <typename Sink>
CONCORD_INLINE void PutCodes(FormatQ8_0, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * FormatQ8_0::kBlockBytes + 2;
    CONCORD_UNROLL for (int c = 0; c < 2; ++c) {
      const Dwords4 q = LoadColumns(rows, at + 16 * c);
      CONCORD_UNROLL for (int i = 0; i < 4; ++i) sink->Put(b * 8 + 4 * c + i, _mm512_xor_si512(q.v[i], Bytes512(0x80)));
    }
  }
}

template <typename Sink>
CONCORD_INLINE void PutCodes(FormatQ4_0, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    PutNibbles(rows, (first + b) * FormatQ4_0::kBlockBytes + 2, b, sink);
  }
}

template <typename Sink>
CONCORD_INLINE void PutCodes(FormatQ4_1, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    PutNibbles(rows, (first + b) * FormatQ4_1::kBlockBytes + 4, b, sink);
  }
}

// Nibbles with fifth bits: bit e of the row's dword belongs to element e.
template <typename Sink>
CONCORD_INLINE void PutFiveBits(const uint8_t* const* rows, int64_t at, __m512i fifth, int64_t block, Sink* sink) {
  const Dwords4 q = LoadColumns(rows, at);
  const auto with_fifth = [&](__m512i v, int i) {  // dword i: bits 4i .. 4i + 3, which are in byte i / 2
    const __m512i byte = _mm512_shuffle_epi8(
        fifth, _mm512_add_epi8(_mm512_set4_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0), Bytes512(i / 2)));
    const __mmask64 set =
        _mm512_test_epi8_mask(byte, _mm512_set1_epi32(i % 2 == 0 ? 0x08040201 : static_cast<int>(0x80402010u)));
    return _mm512_mask_add_epi8(v, set, v, Bytes512(16));
  };
  CONCORD_UNROLL for (int i = 0; i < 4; ++i) {
    sink->Put(block * 8 + i, with_fifth(LowNibbles(q.v[i]), i));
    sink->Put(block * 8 + 4 + i, with_fifth(HighNibbles(q.v[i]), 4 + i));
  }
}

template <typename Sink>
CONCORD_INLINE void PutCodes(FormatQ5_0, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  uint32_t fifth[kChunk / 32][kPanelRows];
  const int64_t begin = first * FormatQ5_0::kBlockBytes;
  Gather(rows, begin + 2, FormatQ5_0::kBlockBytes, count, fifth);
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    PutFiveBits(rows, begin + b * FormatQ5_0::kBlockBytes + 6, _mm512_loadu_si512(fifth[b]), b, sink);
  }
}

template <typename Sink>
CONCORD_INLINE void PutCodes(FormatQ5_1, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  uint32_t fifth[kChunk / 32][kPanelRows];
  const int64_t begin = first * FormatQ5_1::kBlockBytes;
  Gather(rows, begin + 4, FormatQ5_1::kBlockBytes, count, fifth);
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    PutFiveBits(rows, begin + b * FormatQ5_1::kBlockBytes + 8, _mm512_loadu_si512(fifth[b]), b, sink);
  }
}

// A table of 16 codes for each 16 bytes of a register.
CONCORD_INLINE __m512i TableOf(const uint8_t* codes) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
}

template <typename Sink>
CONCORD_INLINE void PutTable(const uint8_t* const* rows, int64_t at, __m512i table, int64_t block, Sink* sink) {
  const Dwords4 q = LoadColumns(rows, at);
  CONCORD_UNROLL for (int i = 0; i < 4; ++i) {
    sink->Put(block * 8 + i, _mm512_shuffle_epi8(table, LowNibbles(q.v[i])));
    sink->Put(block * 8 + 4 + i, _mm512_shuffle_epi8(table, HighNibbles(q.v[i])));
  }
}

template <typename Sink>
CONCORD_INLINE void PutCodes(FormatIq4Nl, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  const __m512i table = TableOf(kNonLinear4);
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    PutTable(rows, (first + b) * FormatIq4Nl::kBlockBytes + 2, table, b, sink);
  }
}

// As FormatMxfp4::Unpack says.
CONCORD_INLINE __m512 ScalesOfFp4(__m128i exponents) {
  const __m512i e = _mm512_cvtepu8_epi32(exponents);
  __m512i bits = _mm512_slli_epi32(_mm512_sub_epi32(e, _mm512_set1_epi32(1)), 23);
  bits = _mm512_mask_sllv_epi32(bits, _mm512_cmplt_epi32_mask(e, _mm512_set1_epi32(2)), _mm512_set1_epi32(0x200000), e);
  bits = _mm512_mask_mov_epi32(bits, _mm512_cmpeq_epi32_mask(e, _mm512_set1_epi32(255)), _mm512_set1_epi32(0x7fc00000));
  return _mm512_castsi512_ps(bits);
}

template <typename Sink>
CONCORD_INLINE void PutCodes(FormatMxfp4, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  const __m512i table = TableOf(kFp4Twice);
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    PutTable(rows, (first + b) * FormatMxfp4::kBlockBytes + 1, table, b, sink);
  }
}
CONCORD_INLINE void PutScales(FormatMxfp4, const uint8_t* const* rows, int64_t first, int64_t count, Panel* panel) {
  constexpr int64_t kStep = FormatMxfp4::kBlockBytes;
  uint8_t exponents[16][kPanelRows];
  Gather(rows, first * kStep, kStep, count, exponents);
  for (int64_t b = 0; b < count; ++b) {
    _mm512_store_ps(panel->scale[b], ScalesOfFp4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(exponents[b]))));
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
