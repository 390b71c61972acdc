#pragma once

#include "kernels/cpu/impl/bytes16.h"
#include "kernels/cpu/impl/panel.h"

// The packings of the arithmetics of int8, block layouts as in runtime/base/packing/<name>.h. The tests hold these
// against the decoders there.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

// d f16, int8 q[32]
struct FormatQ8_0 : Format<32, 34, 32, 7, false> {
  CONCORD_INLINE void Unpack(const uint8_t* p, UnpackedBlock* out) {
    out->scale = LoadF16(p);
    for (int i = 0; i < 32; i += 16) StoreBytes16(out->u + i, LoadBytes16(p + 2 + i) ^ 0x80);
  }
};

// d f16, q[16]: low nibbles are elements 0..15, high ones 16..31
CONCORD_INLINE void UnpackNibbles32(const uint8_t* q, uint8_t* u) {
  const Bytes16 pairs = LoadBytes16(q);
  StoreBytes16(u, pairs & 15);
  StoreBytes16(u + 16, pairs >> 4);
}

struct FormatQ4_0 : Format<32, 18, 32, 3, false> {
  CONCORD_INLINE void Unpack(const uint8_t* p, UnpackedBlock* out) {
    out->scale = LoadF16(p);
    UnpackNibbles32(p + 2, out->u);
  }
};

// d f16, m f16, q[16]: d q + m
struct FormatQ4_1 : Format<32, 20, 32, -1, true> {
  CONCORD_INLINE void Unpack(const uint8_t* p, UnpackedBlock* out) {
    out->scale = LoadF16(p);
    out->min = -LoadF16(p + 2);
    UnpackNibbles32(p + 4, out->u);
  }
};

CONCORD_INLINE void AddFifthBits(const uint8_t* high, uint8_t* u) {
  for (int i = 0; i < 32; i += 16) StoreBytes16(u + i, LoadBytes16(u + i) | (SpreadBits(high + i / 8) & 16));
}

struct FormatQ5_0 : Format<32, 22, 32, 4, false> {
  CONCORD_INLINE void Unpack(const uint8_t* p, UnpackedBlock* out) {
    out->scale = LoadF16(p);
    UnpackNibbles32(p + 6, out->u);
    AddFifthBits(p + 2, out->u);
  }
};

struct FormatQ5_1 : Format<32, 24, 32, -1, true> {
  CONCORD_INLINE void Unpack(const uint8_t* p, UnpackedBlock* out) {
    out->scale = LoadF16(p);
    out->min = -LoadF16(p + 2);
    UnpackNibbles32(p + 8, out->u);
    AddFifthBits(p + 4, out->u);
  }
};

CONCORD_INLINE void UnpackTable32(const uint8_t* q, const uint8_t* table, uint8_t* u) {
  const Bytes16 codes = LoadBytes16(table), pairs = LoadBytes16(q);
  StoreBytes16(u, LookUp(codes, pairs & 15));
  StoreBytes16(u + 16, LookUp(codes, pairs >> 4));
}

// -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113: 128 higher.
constexpr uint8_t kNonLinear4[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
// Twice the values of FP4 (E2M1), so that they are whole, 0 to 12, then with the other sign: 16 higher, which keeps
// sums of eight products within two bytes.
constexpr uint8_t kFp4Twice[16] = {16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4};

struct FormatIq4Nl : Format<32, 18, 32, 7, false> {
  CONCORD_INLINE void Unpack(const uint8_t* p, UnpackedBlock* out) {
    out->scale = LoadF16(p);
    UnpackTable32(p + 2, kNonLinear4, out->u);
  }
};

// d f16, high bits of the scales u16, low nibbles of the scales [4], q[128]
struct FormatIq4Xs : Format<256, 136, 32, 7, false> {
  CONCORD_INLINE void Unpack(const uint8_t* p, UnpackedBlock* out) {
    out->scale = LoadF16(p);
    const int high = p[2] | p[3] << 8;
    for (int s = 0; s < 8; ++s) {
      const int low = (p[4 + s / 2] >> 4 * (s % 2)) & 15;
      out->scale_codes[s] = (low | ((high >> 2 * s) & 3) << 4) - 32;
      UnpackTable32(p + 8 + 16 * s, kNonLinear4, out->u + 32 * s);
    }
  }
};

// exponent u8, q[16]: 2^(e - 127) * FP4; half of that here, for the doubled table
struct FormatMxfp4 : Format<32, 17, 32, 4, false> {
  CONCORD_INLINE void Unpack(const uint8_t* p, UnpackedBlock* out) {
    const uint32_t e = p[0];  // 2^(e - 128): subnormal for 0 and 1; 255 is NaN
    out->scale = FloatFromBits(e == 255 ? 0x7fc00000u : e < 2 ? 0x200000u << e : (e - 1) << 23);
    UnpackTable32(p + 1, kFp4Twice, out->u);
  }
};

// Scales and minima of the eight sub-blocks of q4_k and q5_k: 6 bits each in 12 bytes, the last four of each with their
// two upper bits above the first four.
CONCORD_INLINE void ScalesAndMinsK(const uint8_t* p, UnpackedBlock* out) {
  uint32_t a, b, c;
  __builtin_memcpy(&a, p + 4, 4);
  __builtin_memcpy(&b, p + 8, 4);
  __builtin_memcpy(&c, p + 12, 4);
  const uint32_t sixes[4] = {a & 0x3f3f3f3fu, (c & 0x0f0f0f0fu) | (a >> 2 & 0x30303030u), b & 0x3f3f3f3fu,
                             (c >> 4 & 0x0f0f0f0fu) | (b >> 2 & 0x30303030u)};
  uint8_t bytes[16];
  __builtin_memcpy(bytes, sixes, 16);
  out->scale = LoadF16(p);
  out->min = LoadF16(p + 2);
  for (int s = 0; s < 8; ++s) out->scale_codes[s] = bytes[s];
  for (int s = 0; s < 8; ++s) out->min_codes[s] = bytes[8 + s];
  for (int s = 8; s < 16; ++s) out->min_codes[s] = 0;
}

// d f16, dmin f16, scales[12], q[128]
struct FormatQ4K : Format<256, 144, 32, -1, true> {
  CONCORD_INLINE void Unpack(const uint8_t* p, UnpackedBlock* out) {
    ScalesAndMinsK(p, out);
    CONCORD_UNROLL for (int s = 0; s < 8; ++s) {
      const uint8_t* q = p + 16 + 32 * (s / 2);
      for (int i = 0; i < 32; i += 16) StoreBytes16(out->u + 32 * s + i, (LoadBytes16(q + i) >> 4 * (s % 2)) & 15);
    }
  }
};

// d f16, dmin f16, scales[12], fifth bits[32], q[128]
struct FormatQ5K : Format<256, 176, 32, -1, true> {
  CONCORD_INLINE void Unpack(const uint8_t* p, UnpackedBlock* out) {
    ScalesAndMinsK(p, out);
    CONCORD_UNROLL for (int s = 0; s < 8; ++s) {
      const uint8_t* q = p + 48 + 32 * (s / 2);
      for (int i = 0; i < 32; i += 16) {
        const Bytes16 low = (LoadBytes16(q + i) >> 4 * (s % 2)) & 15, fifth = (LoadBytes16(p + 16 + i) >> s) & 1;
        StoreBytes16(out->u + 32 * s + i, low | fifth << 4);
      }
    }
  }
};

// low[128], high pairs[64], int8 scales[16], d f16
struct FormatQ6K : Format<256, 210, 16, 5, false> {
  CONCORD_INLINE void Unpack(const uint8_t* p, UnpackedBlock* out) {
    out->scale = LoadF16(p + 208);
    for (int g = 0; g < 16; ++g) out->scale_codes[g] = static_cast<int8_t>(p[192 + g]);
    CONCORD_UNROLL for (int half = 0; half < 2; ++half) {
      CONCORD_UNROLL for (int t = 0; t < 4; ++t) {
        const uint8_t* low = p + 64 * half + 32 * (t % 2);
        const uint8_t* high = p + 128 + 32 * half;
        uint8_t* u = out->u + 128 * half + 32 * t;
        for (int i = 0; i < 32; i += 16) {
          const Bytes16 pair = (LoadBytes16(high + i) >> 2 * t) & 3;
          StoreBytes16(u + i, ((LoadBytes16(low + i) >> 4 * (t / 2)) & 15) | pair << 4);
        }
      }
    }
  }
};

// scales[16] (low nibble scale, high nibble minimum), q[64], d f16, dmin f16
struct FormatQ2K : Format<256, 84, 16, -1, true> {
  CONCORD_INLINE void Unpack(const uint8_t* p, UnpackedBlock* out) {
    uint8_t nibbles[32];
    UnpackNibbles32(p, nibbles);
    out->scale = LoadF16(p + 80);
    out->min = LoadF16(p + 82);
    for (int g = 0; g < 16; ++g) out->scale_codes[g] = nibbles[g];
    for (int g = 0; g < 16; ++g) out->min_codes[g] = nibbles[16 + g];
    CONCORD_UNROLL for (int i = 0; i < 256; i += 16) {
      StoreBytes16(out->u + i, (LoadBytes16(p + 16 + 32 * (i / 128) + i % 32) >> 2 * (i / 32 % 4)) & 3);
    }
  }
};

// third bits[32], q[64], scales[12], d f16
struct FormatQ3K : Format<256, 110, 16, 2, false> {
  CONCORD_INLINE void Unpack(const uint8_t* p, UnpackedBlock* out) {
    out->scale = LoadF16(p + 108);
    const uint8_t* scales = p + 96;
    for (int g = 0; g < 16; ++g) {
      const int low = g < 8 ? scales[g] & 15 : scales[g - 8] >> 4;
      const int high = (scales[8 + g % 4] >> 2 * (g / 4)) & 3;
      out->scale_codes[g] = (low | high << 4) - 32;
    }
    CONCORD_UNROLL for (int i = 0; i < 256; i += 16) {
      const Bytes16 low = (LoadBytes16(p + 32 + 32 * (i / 128) + i % 32) >> 2 * (i / 32 % 4)) & 3;
      StoreBytes16(out->u + i, low | ((LoadBytes16(p + i % 32) >> i / 32) & 1) << 2);
    }
  }
};

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
