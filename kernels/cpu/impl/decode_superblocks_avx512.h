#pragma once

#include "kernels/cpu/impl/decode_blocks_avx512.h"

// Formats of 256 elements a block, with scales of their own for parts of it: PutCodes and PutScales of each.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// Bytes j and j + 1 of every lane as two words.
CONCORD_INLINE __m512i BytesToWords(__m512i v, int j) {
  const __m512i two = _mm512_srli_epi32(v, static_cast<unsigned>(8 * j));
  return _mm512_or_si512(_mm512_and_si512(two, _mm512_set1_epi32(0xff)),
                         _mm512_and_si512(_mm512_slli_epi32(two, 8), _mm512_set1_epi32(0xff0000)));
}

// The head of q4_k and q5_k, 16 bytes: d | dmin, then 6 bits of scale and minimum a sub-block in 12 bytes.
CONCORD_INLINE void PutScalesK(const uint8_t* const* rows, int64_t at, int64_t block, Panel* panel) {
  const Dwords4 head = LoadColumns(rows, at);  // d | dmin, scales[0..3], [4..7], [8..11]
  const __m512i six = Bytes512(0x3f);
  const __m512i top = Bytes512(0x30);
  const __m512i scales[2] = {_mm512_and_si512(head.v[1], six),
                             OrMasked(LowNibbles(head.v[3]), _mm512_srli_epi32(head.v[1], 2), top)};
  const __m512i mins[2] = {_mm512_and_si512(head.v[2], six),
                           OrMasked(HighNibbles(head.v[3]), _mm512_srli_epi32(head.v[2], 2), top)};
  CONCORD_UNROLL for (int s = 0; s < 8; ++s) {
    _mm512_store_si512(panel->scale_codes[block * 8 + s], UnsignedByte(scales[s / 4], s % 4));
  }
  _mm512_store_ps(panel->scale[block], LowHalves(head.v[0]));
  _mm512_store_ps(panel->neg_min[block], -HighHalves(head.v[0]));
  CONCORD_UNROLL for (int s = 0; s < 8; s += 2) {
    _mm512_store_si512(panel->min_codes[(block * 8 + s) / 2], BytesToWords(mins[s / 4], s % 4));
  }
}

template <typename Sink>
CONCORD_INLINE void PutCodes(FormatQ4K, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * FormatQ4K::kBlockBytes;
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
CONCORD_INLINE void PutScales(FormatQ4K, const uint8_t* const* rows, int64_t first, int64_t count, Panel* panel) {
  for (int64_t b = 0; b < count; ++b) PutScalesK(rows, (first + b) * FormatQ4K::kBlockBytes, b, panel);
}

// Bit `from` of every byte to bit 4.
CONCORD_INLINE __m512i ToBit4(__m512i v, int from) {
  return from < 4 ? _mm512_slli_epi32(v, static_cast<unsigned>(4 - from))
                  : _mm512_srli_epi32(v, static_cast<unsigned>(from - 4));
}

template <typename Sink>
CONCORD_INLINE void PutCodes(FormatQ5K, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  const __m512i fifth = Bytes512(16);
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * FormatQ5K::kBlockBytes;
    CONCORD_UNROLL for (int h = 0; h < 2;
                        ++h) {  // halves of the sub-blocks: byte e has the fifth bits of element e of each
      const Dwords4 high = LoadColumns(rows, at + 16 + 16 * h);
      CONCORD_UNROLL for (int j = 0; j < 4; ++j) {
        const Dwords4 q = LoadColumns(rows, at + 48 + 32 * j + 16 * h);
        CONCORD_UNROLL for (int i = 0; i < 4; ++i) {
          const int64_t to = b * 64 + j * 16 + h * 4 + i;
          sink->Put(to, OrMasked(LowNibbles(q.v[i]), ToBit4(high.v[i], 2 * j), fifth));
          sink->Put(to + 8, OrMasked(HighNibbles(q.v[i]), ToBit4(high.v[i], 2 * j + 1), fifth));
        }
      }
    }
  }
}
CONCORD_INLINE void PutScales(FormatQ5K, const uint8_t* const* rows, int64_t first, int64_t count, Panel* panel) {
  for (int64_t b = 0; b < count; ++b) PutScalesK(rows, (first + b) * FormatQ5K::kBlockBytes, b, panel);
}

template <typename Sink>
CONCORD_INLINE void PutCodes(FormatQ6K, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  const __m512i nibble = Bytes512(15);
  const __m512i six = Bytes512(0x3f);
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * FormatQ6K::kBlockBytes;
    // 16 of the 64 bytes of high pairs a turn, with the low nibbles that they belong to
    CONCORD_UNROLL for (int c = 0; c < 4; ++c) {
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
  }
}
CONCORD_INLINE void PutScales(FormatQ6K, const uint8_t* const* rows, int64_t first, int64_t count, Panel* panel) {
  constexpr int64_t kStep = FormatQ6K::kBlockBytes;
  uint16_t halves[1][kPanelRows];
  for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * kStep;
    Gather(rows, at + 208, kStep, 1, halves);
    const Dwords4 scales = LoadColumns(rows, at + 192);
    _mm512_store_ps(panel->scale[b], HalvesToFloat(halves[0]));
    CONCORD_UNROLL for (int g = 0; g < 16; ++g) {
      _mm512_store_si512(panel->scale_codes[b * 16 + g], SignedByte(scales.v[g / 4], g % 4));
    }
  }
}

// Pairs of bits: 16 bytes are elements 0..15 of four parts of 32.
CONCORD_INLINE __m512i BitPairs(__m512i v, int part) {
  return _mm512_and_si512(_mm512_srli_epi32(v, static_cast<unsigned>(2 * part)), Bytes512(3));
}

template <typename Sink>
CONCORD_INLINE void PutCodes(FormatQ2K, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * FormatQ2K::kBlockBytes;
    CONCORD_UNROLL for (int c = 0; c < 4; ++c) {
      const Dwords4 q = LoadColumns(rows, at + 16 + 16 * c);
      CONCORD_UNROLL for (int i = 0; i < 4; ++i) {
        const int64_t to = b * 64 + c / 2 * 32 + c % 2 * 4 + i;
        CONCORD_UNROLL for (int part = 0; part < 4; ++part) sink->Put(to + 8 * part, BitPairs(q.v[i], part));
      }
    }
  }
}
CONCORD_INLINE void PutScales(FormatQ2K, const uint8_t* const* rows, int64_t first, int64_t count, Panel* panel) {
  constexpr int64_t kStep = FormatQ2K::kBlockBytes;
  uint32_t pairs[1][kPanelRows];
  for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * kStep;
    Gather(rows, at + 80, kStep, 1, pairs);
    const Dwords4 scales = LoadColumns(rows, at);
    const __m512i pair = _mm512_loadu_si512(pairs[0]);
    CONCORD_UNROLL for (int g = 0; g < 16; ++g) {
      _mm512_store_si512(panel->scale_codes[b * 16 + g], UnsignedByte(LowNibbles(scales.v[g / 4]), g % 4));
    }
    _mm512_store_ps(panel->scale[b], LowHalves(pair));
    _mm512_store_ps(panel->neg_min[b], -HighHalves(pair));
    CONCORD_UNROLL for (int g = 0; g < 16; g += 2) {
      _mm512_store_si512(panel->min_codes[(b * 16 + g) / 2], BytesToWords(HighNibbles(scales.v[g / 4]), g % 4));
    }
  }
}

template <typename Sink>
CONCORD_INLINE void PutCodes(FormatQ3K, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  const __m512i third = Bytes512(4);
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * FormatQ3K::kBlockBytes;
    CONCORD_UNROLL for (int h = 0; h < 2; ++h) {
      const Dwords4 high = LoadColumns(rows, at + 16 * h);
      CONCORD_UNROLL for (int half = 0; half < 2; ++half) {
        const Dwords4 q = LoadColumns(rows, at + 32 + 32 * half + 16 * h);
        CONCORD_UNROLL for (int i = 0; i < 4; ++i) {
          const int64_t to = b * 64 + half * 32 + h * 4 + i;
          CONCORD_UNROLL for (int part = 0; part < 4; ++part) {
            const int bit = 4 * half + part;  // to bit 2
            const __m512i top = bit < 2 ? _mm512_slli_epi32(high.v[i], static_cast<unsigned>(2 - bit))
                                        : _mm512_srli_epi32(high.v[i], static_cast<unsigned>(bit - 2));
            sink->Put(to + 8 * part, OrMasked(BitPairs(q.v[i], part), top, third));
          }
        }
      }
    }
  }
}
CONCORD_INLINE void PutScales(FormatQ3K, const uint8_t* const* rows, int64_t first, int64_t count, Panel* panel) {
  for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * FormatQ3K::kBlockBytes;
    // Bytes 94..109: the last two of q, scales[12], d. Nothing beyond the block is read.
    const Dwords4 tail = LoadColumns(rows, at + 94);
    _mm512_store_ps(panel->scale[b], HighHalves(tail.v[3]));
    __m512i bytes[3];
    CONCORD_UNROLL for (int i = 0; i < 3; ++i) {
      bytes[i] = _mm512_or_si512(_mm512_srli_epi32(tail.v[i], 16), _mm512_slli_epi32(tail.v[i + 1], 16));
    }
    CONCORD_UNROLL for (int j = 0; j < 4; ++j) {
      const __m512i low = j < 2 ? LowNibbles(bytes[j]) : HighNibbles(bytes[j - 2]);
      const __m512i high = _mm512_slli_epi32(BitPairs(bytes[2], j), 4);
      const __m512i scales = _mm512_sub_epi8(_mm512_or_si512(low, high), Bytes512(32));
      CONCORD_UNROLL for (int i = 0; i < 4; ++i) {
        _mm512_store_si512(panel->scale_codes[b * 16 + 4 * j + i], SignedByte(scales, i));
      }
    }
  }
}

template <typename Sink>
CONCORD_INLINE void PutCodes(FormatIq4Xs, const uint8_t* const* rows, int64_t first, int64_t count, Sink* sink) {
  const __m512i table = TableOf(kNonLinear4);
  CONCORD_UNROLL for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * FormatIq4Xs::kBlockBytes;
    CONCORD_UNROLL for (int s = 0; s < 8; ++s) PutTable(rows, at + 8 + 16 * s, table, b * 8 + s, sink);
  }
}
CONCORD_INLINE void PutScales(FormatIq4Xs, const uint8_t* const* rows, int64_t first, int64_t count, Panel* panel) {
  for (int64_t b = 0; b < count; ++b) {
    const int64_t at = (first + b) * FormatIq4Xs::kBlockBytes;
    const Dwords4 head = LoadColumns(rows, at);  // d | high bits of the scales, low nibbles of the scales
    _mm512_store_ps(panel->scale[b], LowHalves(head.v[0]));
    CONCORD_UNROLL for (int s = 0; s < 8; ++s) {
      const __m512i low =
          _mm512_and_si512(_mm512_srli_epi32(head.v[1], static_cast<unsigned>(4 * s)), _mm512_set1_epi32(15));
      const __m512i high = _mm512_srli_epi32(head.v[0], static_cast<unsigned>(16 + 2 * s));
      const __m512i scale = OrMasked(low, _mm512_slli_epi32(high, 4), _mm512_set1_epi32(0x30));
      _mm512_store_si512(panel->scale_codes[b * 8 + s], _mm512_sub_epi32(scale, _mm512_set1_epi32(32)));
    }
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
