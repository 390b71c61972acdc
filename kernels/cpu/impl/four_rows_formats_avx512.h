#pragma once

#include "kernels/cpu/impl/decode_superblocks_avx512.h"
#include "kernels/cpu/impl/four_rows_avx512.h"
#include "kernels/cpu/impl/token_row.h"

// Of each format, for a chunk of 256 elements of four rows that begins at w[r]: SumChunk gives the sums of u q, x being
// the 256 values in the format's order, and ScaleChunk the scales and, where there are any, the minima with their sign
// turned: of blocks of 32 as they are, of 256 their whole factors and what these multiply; those of minima are words
// (WordPairs).
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

template <typename F>
struct FourRows {
  static constexpr int kVectors = kChunk / F::kGroup / 4;
  __m512i sum[kVectors];
  __m512 scale[kBlockScale<F> ? 1 : kVectors];
  __m512 neg_min[kBlockScale<F> ? 1 : kVectors];
  __m512i scale_codes[kVectors];
  __m512i min_codes[F::kGroup == 16 ? 2 : 1];
};

template <typename F>
constexpr Order kOrder = Order::kHalves;  // of 16 bytes of nibbles a group
template <>
constexpr Order kOrder<FormatQ8_0> = Order::kAsTheyAre;
template <>
constexpr Order kOrder<FormatQ6K> = Order::kAsTheyAre;
template <>
constexpr Order kOrder<FormatQ4K> = Order::kPairs;
template <>
constexpr Order kOrder<FormatQ5K> = Order::kPairs;
template <>
constexpr Order kOrder<FormatQ2K> = Order::kQuarters;
template <>
constexpr Order kOrder<FormatQ3K> = Order::kQuarters;

// The largest sum of `products` of codes up to u.
constexpr int LargestPart(int u, int products) { return u * 127 * products; }

CONCORD_INLINE void SumChunk(FormatQ8_0, const uint8_t* const* w, const int8_t* x, FourRows<FormatQ8_0>* out) {
  constexpr int64_t kStep = FormatQ8_0::kBlockBytes;
  constexpr int kLargest = LargestPart(255, 4);
  CONCORD_UNROLL for (int v = 0; v < 2; ++v) {
    Four a, b;
    CONCORD_UNROLL for (int r = 0; r < 4; ++r) {
      const uint8_t* p = w[r] + 4 * v * kStep + 2;
      a.v[r] = DotX(_mm512_xor_si512(Two256(p, kStep), Bytes512(0x80)), x + 128 * v);
      b.v[r] = DotX(_mm512_xor_si512(Two256(p + 2 * kStep, kStep), Bytes512(0x80)), x + 128 * v + 64);
    }
    out->sum[v] = SumLanes(SumParts<kLargest>(a), SumParts<kLargest>(b));
  }
}

// 16 bytes of nibbles a group, four groups from load(r, v). Codes(nibbles, r, v, high) makes codes of them.
template <int kLargestCode, typename F, typename Load, typename Codes>
CONCORD_INLINE void SumNibbles(Load load, const int8_t* x, Codes codes, FourRows<F>* out) {
  CONCORD_UNROLL for (int v = 0; v < 2; ++v) {
    Four parts;
    CONCORD_UNROLL for (int r = 0; r < 4; ++r) {
      const __m512i q = load(r, v);
      const __m512i low = DotX(codes(LowNibbles(q), r, v, 0), x + 128 * v);
      parts.v[r] = AddDotBytes(low, codes(HighNibbles(q), r, v, 1), Load512(x + 128 * v + 64));
    }
    out->sum[v] = SumParts<LargestPart(kLargestCode, 8)>(parts);
  }
}

// Blocks of 32, whose nibbles begin at byte kAt.
template <typename F, int kAt>
struct Blocks {
  const uint8_t* const* w;
  CONCORD_INLINE_MEMBER __m512i operator()(int r, int v) const {
    return Four128(w[r] + 4 * v * F::kBlockBytes + kAt, F::kBlockBytes);
  }
};
struct PlainCodes {
  CONCORD_INLINE_MEMBER __m512i operator()(__m512i q, int, int, int) const { return q; }
};
struct TableCodes {
  __m512i table;
  CONCORD_INLINE_MEMBER __m512i operator()(__m512i q, int, int, int) const { return _mm512_shuffle_epi8(table, q); }
};
// Fifth bits from byte kAt on, of four blocks and 16 elements each: a mask of 64 bytes.
template <typename F, int kAt>
struct FifthBits {
  const uint8_t* const* w;
  CONCORD_INLINE_MEMBER __m512i operator()(__m512i q, int r, int v, int high) const {
    uint64_t set = 0;
    CONCORD_UNROLL for (int l = 0; l < 4; ++l) {
      set |= static_cast<uint64_t>(Load16(w[r] + (4 * v + l) * F::kBlockBytes + kAt + 2 * high)) << 16 * l;
    }
    return _mm512_mask_add_epi8(q, set, q, Bytes512(16));
  }
};

CONCORD_INLINE void SumChunk(FormatQ4_0, const uint8_t* const* w, const int8_t* x, FourRows<FormatQ4_0>* out) {
  SumNibbles<15>(Blocks<FormatQ4_0, 2>{w}, x, PlainCodes{}, out);
}
CONCORD_INLINE void SumChunk(FormatQ4_1, const uint8_t* const* w, const int8_t* x, FourRows<FormatQ4_1>* out) {
  SumNibbles<15>(Blocks<FormatQ4_1, 4>{w}, x, PlainCodes{}, out);
}
CONCORD_INLINE void SumChunk(FormatQ5_0, const uint8_t* const* w, const int8_t* x, FourRows<FormatQ5_0>* out) {
  SumNibbles<31>(Blocks<FormatQ5_0, 6>{w}, x, FifthBits<FormatQ5_0, 2>{w}, out);
}
CONCORD_INLINE void SumChunk(FormatQ5_1, const uint8_t* const* w, const int8_t* x, FourRows<FormatQ5_1>* out) {
  SumNibbles<31>(Blocks<FormatQ5_1, 8>{w}, x, FifthBits<FormatQ5_1, 4>{w}, out);
}
CONCORD_INLINE void SumChunk(FormatIq4Nl, const uint8_t* const* w, const int8_t* x, FourRows<FormatIq4Nl>* out) {
  SumNibbles<255>(Blocks<FormatIq4Nl, 2>{w}, x, TableCodes{TableOf(kNonLinear4)}, out);
}
CONCORD_INLINE void SumChunk(FormatMxfp4, const uint8_t* const* w, const int8_t* x, FourRows<FormatMxfp4>* out) {
  SumNibbles<28>(Blocks<FormatMxfp4, 1>{w}, x, TableCodes{TableOf(kFp4Twice)}, out);
}
CONCORD_INLINE void SumChunk(FormatIq4Xs, const uint8_t* const* w, const int8_t* x, FourRows<FormatIq4Xs>* out) {
  const auto load = [&](int r, int v) { return Load512(w[r] + 8 + 64 * v); };
  SumNibbles<255>(load, x, TableCodes{TableOf(kNonLinear4)}, out);
}

// A block of 32 begins with its scale, and then its minimum where it has one, as halves.
template <typename F>
CONCORD_INLINE void ScaleChunk(F, const uint8_t* const* w, FourRows<F>* out) {
  CONCORD_UNROLL for (int v = 0; v < 2; ++v) {
    out->scale[v] = HalvesOfBlocks(w, 4 * v * F::kBlockBytes, F::kBlockBytes);
    if (F::kHasMin) out->neg_min[v] = HalvesOfBlocks(w, 4 * v * F::kBlockBytes + 2, F::kBlockBytes);
  }
}
CONCORD_INLINE void ScaleChunk(FormatMxfp4, const uint8_t* const* w, FourRows<FormatMxfp4>* out) {
  CONCORD_UNROLL for (int v = 0; v < 2; ++v) {
    const auto at = [&](int l) {  // an exponent of each row
      const int64_t p = (4 * v + l) * FormatMxfp4::kBlockBytes;
      return static_cast<int>(w[0][p] | w[1][p] << 8 | w[2][p] << 16 | static_cast<uint32_t>(w[3][p]) << 24);
    };
    out->scale[v] = ScalesOfFp4(_mm_setr_epi32(at(0), at(1), at(2), at(3)));
  }
}
CONCORD_INLINE void ScaleChunk(FormatIq4Xs, const uint8_t* const* w, FourRows<FormatIq4Xs>* out) {
  const auto dwords = [&](int at) {
    return _mm512_broadcast_i32x4(
        _mm_setr_epi32(Load32(w[0] + at), Load32(w[1] + at), Load32(w[2] + at), Load32(w[3] + at)));
  };
  const __m512i heads = dwords(0), lows = dwords(4);  // d | high bits of the scales, and their low nibbles
  out->scale[0] = LowHalves(heads);
  const __m512i lane = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  CONCORD_UNROLL for (int v = 0; v < 2; ++v) {
    const __m512i group = _mm512_add_epi32(lane, _mm512_set1_epi32(4 * v));
    const __m512i low = _mm512_and_si512(_mm512_srlv_epi32(lows, _mm512_slli_epi32(group, 2)), _mm512_set1_epi32(15));
    const __m512i high = _mm512_srlv_epi32(heads, _mm512_add_epi32(_mm512_slli_epi32(group, 1), _mm512_set1_epi32(16)));
    const __m512i scale = OrMasked(low, _mm512_slli_epi32(high, 4), _mm512_set1_epi32(0x30));
    out->scale_codes[v] = _mm512_sub_epi32(scale, _mm512_set1_epi32(32));
  }
}

// Nibbles of two groups of 32 bytes each, low and high, from byte kAt on.
template <int kLargestCode, int kAt, typename F, typename Codes>
CONCORD_INLINE void SumNibblePairs(const uint8_t* const* w, const int8_t* x, Codes codes, FourRows<F>* out) {
  CONCORD_UNROLL for (int v = 0; v < 2; ++v) {
    Four low, high;
    CONCORD_UNROLL for (int r = 0; r < 4; ++r) {
      const __m512i q = Load512(w[r] + kAt + 64 * v);
      low.v[r] = DotX(codes(LowNibbles(q), r, v, 0), x + 128 * v);
      high.v[r] = DotX(codes(HighNibbles(q), r, v, 1), x + 128 * v + 64);
    }
    constexpr int kLargest = LargestPart(kLargestCode, 4);
    out->sum[v] = SumLanes(SumParts<kLargest>(low), SumParts<kLargest>(high));
  }
}

CONCORD_INLINE void SumChunk(FormatQ4K, const uint8_t* const* w, const int8_t* x, FourRows<FormatQ4K>* out) {
  SumNibblePairs<15, 16>(w, x, PlainCodes{}, out);
}
CONCORD_INLINE void SumChunk(FormatQ5K, const uint8_t* const* w, const int8_t* x, FourRows<FormatQ5K>* out) {
  const auto with_fifth = [&](__m512i q, int r, int v, int high) {
    const int s = 4 * v + high;  // bit s of byte e: element e of sub-block s
    const __m512i bits = Dwords(0x01010101 << s, 0x01010101 << (s + 2));
    return _mm512_mask_add_epi8(q, _mm512_test_epi8_mask(Both256(w[r] + 16), bits), q, Bytes512(16));
  };
  SumNibblePairs<31, 48>(w, x, with_fifth, out);
}

// The head of q4_k and q5_k, 16 bytes: d | dmin, then 6 bits of scale and minimum a sub-block in 12 bytes.
template <typename F>
CONCORD_INLINE void ScaleChunkK(const uint8_t* const* w, FourRows<F>* out) {
  const Bytes4 head = DwordsOfRows(w, 0);
  const __m128i halves =
      _mm_shuffle_epi8(head.v[0], _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
  out->scale[0] = _mm512_broadcast_f32x4(_mm_cvtph_ps(halves));
  out->neg_min[0] = -_mm512_broadcast_f32x4(_mm_cvtph_ps(_mm_unpackhi_epi64(halves, halves)));
  const __m128i six = _mm_set1_epi8(0x3f), four = _mm_set1_epi8(0x0f), top = _mm_set1_epi8(0x30);
  const auto high_ones = [&](__m128i low_four, __m128i high_two) {
    return _mm_or_si128(_mm_and_si128(low_four, four), _mm_and_si128(_mm_srli_epi32(high_two, 2), top));
  };
  // Four sub-blocks of each row: the lanes' order is that of kPairs.
  const __m128i by_lane = _mm_setr_epi8(0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15);
  const __m128i scales[2] = {_mm_and_si128(head.v[1], six), high_ones(head.v[3], head.v[1])};
  const __m128i mins[2] = {_mm_and_si128(head.v[2], six), high_ones(_mm_srli_epi32(head.v[3], 4), head.v[2])};
  CONCORD_UNROLL for (int v = 0; v < 2; ++v) {
    out->scale_codes[v] = _mm512_cvtepu8_epi32(_mm_shuffle_epi8(scales[v], by_lane));
  }
  out->min_codes[0] = WordPairs(mins[0], mins[1]);
}
CONCORD_INLINE void ScaleChunk(FormatQ4K, const uint8_t* const* w, FourRows<FormatQ4K>* out) { ScaleChunkK(w, out); }
CONCORD_INLINE void ScaleChunk(FormatQ5K, const uint8_t* const* w, FourRows<FormatQ5K>* out) { ScaleChunkK(w, out); }

CONCORD_INLINE void SumChunk(FormatQ6K, const uint8_t* const* w, const int8_t* x, FourRows<FormatQ6K>* out) {
  constexpr int kLargest = LargestPart(63, 4);
  CONCORD_UNROLL for (int h = 0; h < 2; ++h) {
    Four low, high;
    CONCORD_UNROLL for (int r = 0; r < 4; ++r) {
      const __m512i q = Load512(w[r] + 64 * h);
      const __m512i pairs = Both256(w[r] + 128 + 32 * h);  // of elements 0.., 32.., 64.. and 96.. of the half
      const __m512i top = Bytes512(0x30);
      low.v[r] = DotX(OrMasked(LowNibbles(q), _mm512_sllv_epi32(pairs, Dwords(4, 2)), top), x + 128 * h);
      high.v[r] = DotX(OrMasked(HighNibbles(q), _mm512_srlv_epi32(pairs, Dwords(0, 2)), top), x + 128 * h + 64);
    }
    out->sum[2 * h] = SumParts<kLargest>(low);
    out->sum[2 * h + 1] = SumParts<kLargest>(high);
  }
}
CONCORD_INLINE void ScaleChunk(FormatQ6K, const uint8_t* const* w, FourRows<FormatQ6K>* out) {
  out->scale[0] = HalvesOfRows(w, 208);
  const Bytes4 scales =
      BytesByGroup({{Load128(w[0] + 192), Load128(w[1] + 192), Load128(w[2] + 192), Load128(w[3] + 192)}});
  CONCORD_UNROLL for (int v = 0; v < 4; ++v) out->scale_codes[v] = _mm512_cvtepi8_epi32(scales.v[v]);
}

CONCORD_INLINE void SumChunk(FormatQ2K, const uint8_t* const* w, const int8_t* x, FourRows<FormatQ2K>* out) {
  CONCORD_UNROLL for (int part = 0; part < 4; ++part) {
    Four parts;
    CONCORD_UNROLL for (int r = 0; r < 4; ++r) parts.v[r] = DotX(BitPairs(Load512(w[r] + 16), part), x + 64 * part);
    out->sum[part] = SumParts<LargestPart(3, 4)>(parts);
  }
}
CONCORD_INLINE void ScaleChunk(FormatQ2K, const uint8_t* const* w, FourRows<FormatQ2K>* out) {
  out->scale[0] = HalvesOfRows(w, 80);
  const Bytes4 bytes = BytesByQuarter({{Load128(w[0]), Load128(w[1]), Load128(w[2]), Load128(w[3])}});
  const __m128i nibble = _mm_set1_epi8(15);
  CONCORD_UNROLL for (int v = 0; v < 4; ++v) {
    out->scale_codes[v] = _mm512_cvtepu8_epi32(_mm_and_si128(bytes.v[v], nibble));
  }
  out->neg_min[0] = -HalvesOfRows(w, 82);
  const Bytes4 rows = DwordsOfRows(w, 0);
  const auto mins = [&](int i) { return _mm_and_si128(_mm_srli_epi32(rows.v[i], 4), nibble); };
  CONCORD_UNROLL for (int h = 0; h < 2; ++h) out->min_codes[h] = WordPairs(mins(2 * h), mins(2 * h + 1));
}

CONCORD_INLINE void SumChunk(FormatQ3K, const uint8_t* const* w, const int8_t* x, FourRows<FormatQ3K>* out) {
  CONCORD_UNROLL for (int part = 0; part < 4; ++part) {
    const __m512i bits = Dwords(0x01010101 << part, 0x01010101 << (part + 4));  // third bit of byte e: 4 half + part
    Four parts;
    CONCORD_UNROLL for (int r = 0; r < 4; ++r) {
      const __m512i two = BitPairs(Load512(w[r] + 32), part);
      const __mmask64 set = _mm512_test_epi8_mask(Both256(w[r]), bits);
      parts.v[r] = DotX(_mm512_mask_add_epi8(two, set, two, Bytes512(4)), x + 64 * part);
    }
    out->sum[part] = SumParts<LargestPart(7, 4)>(parts);
  }
}
CONCORD_INLINE void ScaleChunk(FormatQ3K, const uint8_t* const* w, FourRows<FormatQ3K>* out) {
  Bytes4 rows;
  CONCORD_UNROLL for (int r = 0; r < 4; ++r) {
    const auto a = static_cast<uint32_t>(Load32(w[r] + 96)), b = static_cast<uint32_t>(Load32(w[r] + 100));
    const auto top = static_cast<uint32_t>(Load32(w[r] + 104));
    const auto six = [&](uint32_t low, int j) {
      return static_cast<int>((low & 0x0f0f0f0fu) | ((top >> 2 * j) & 0x03030303u) << 4);
    };
    const __m128i scales = _mm_setr_epi32(six(a, 0), six(b, 1), six(a >> 4, 2), six(b >> 4, 3));
    rows.v[r] = _mm_sub_epi8(scales, _mm_set1_epi8(32));
  }
  out->scale[0] = HalvesOfRows(w, 108);
  const Bytes4 bytes = BytesByQuarter(rows);
  CONCORD_UNROLL for (int v = 0; v < 4; ++v) out->scale_codes[v] = _mm512_cvtepi8_epi32(bytes.v[v]);
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
