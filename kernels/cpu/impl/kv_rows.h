#pragma once

#include "kernels/cpu/attention.h"
#include "kernels/cpu/impl/quantize.h"

// Rows of the paged KV cache: writing them, and reading 16 elements at a time.
namespace concord::kernels::CONCORD_ISA_NAMESPACE {

CONCORD_INLINE uint8_t* KvRow(const KvCache& cache, int64_t block, int64_t head, int64_t token) {
  const int64_t row = (block * cache.n_kv_heads + head) * cache.block_tokens + token;
  return static_cast<uint8_t*>(cache.blocks) + row * KvRowBytes(cache.type, cache.d);
}

// At(row, i, lanes): elements i..i+lanes-1 of a row, i a multiple of 16; other lanes are 0.
struct KvF32 {
  CONCORD_INLINE VecF At(const uint8_t* row, int64_t i, int64_t lanes) {
    return LoadPart(reinterpret_cast<const float*>(row) + i, lanes);
  }
};
template <bool kIsF16>
struct KvHalf {
  CONCORD_INLINE VecF At(const uint8_t* row, int64_t i, int64_t lanes) {
    if (lanes == kLanes) return FromHalf<kIsF16>(LoadAs<VecH>(row + 2 * i));
    VecH h = {};
    __builtin_memcpy(&h, row + 2 * i, static_cast<size_t>(lanes) * 2);
    return FromHalf<kIsF16>(h);
  }
};
using KvF16 = KvHalf<true>;
using KvBf16 = KvHalf<false>;
struct KvQ8 {
  CONCORD_INLINE VecF At(const uint8_t* row, int64_t i, int64_t) {
    const uint8_t* block = row + i / 32 * 34;
    return Set(LoadF16(block)) * ToFloat(LoadBytes(block + 2 + i % 32));
  }
};

// Calls f with the type above that reads `type`.
template <typename F>
CONCORD_INLINE void WithKvType(KvType type, F f) {
  switch (type) {
    case KvType::kF32:
      return f(KvF32{});
    case KvType::kF16:
      return f(KvF16{});
    case KvType::kBf16:
      return f(KvBf16{});
    case KvType::kQ8_0:
      return f(KvQ8{});
  }
}

CONCORD_INLINE void WriteHalves(const float* x, uint8_t* row, int64_t d, bool f16) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; f16 && i + kLanes <= d; i += kLanes) {
    const __m256i h = _mm512_cvtps_ph((__m512)Load(x + i), _MM_FROUND_TO_NEAREST_INT);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(row + 2 * i), h);
  }
#elif defined(CONCORD_ISA_NEON)
  for (; f16 && i + 4 <= d; i += 4) {
    const float16x4_t h = vcvt_f16_f32(vld1q_f32(x + i));
    __builtin_memcpy(row + 2 * i, &h, sizeof h);
  }
#endif
  for (; i < d; ++i) {
    const uint16_t h = f16 ? ToF16(x[i]) : ToBf16(x[i]);
    __builtin_memcpy(row + 2 * i, &h, 2);
  }
}

// The scale is rounded to a half after the values were made with the exact one, as GGUF writers do.
CONCORD_INLINE void WriteQ8(const float* x, uint8_t* row, int64_t d) {
  for (int64_t g = 0; g < d / 32; ++g) {
    int32_t sums[2];
    const float scale = QuantizeGroup<32>(x + 32 * g, reinterpret_cast<int8_t*>(row + 34 * g + 2), sums);
    const uint16_t half = ToF16(scale);
    __builtin_memcpy(row + 34 * g, &half, 2);
  }
}

static void KvAppend(const KvAppendArgs& args) {
  const KvCache& cache = args.cache;
  for (int64_t t = 0; t < args.n_tokens; ++t) {
    if (args.slots[t] < 0) continue;
    const int64_t block = args.slots[t] / cache.block_tokens;
    const int64_t token = args.slots[t] % cache.block_tokens;
    for (int64_t h = 0; h < cache.n_kv_heads; ++h) {
      const float* x = args.x + t * args.x_stride + h * cache.d;
      uint8_t* row = KvRow(cache, block, h, token);
      switch (cache.type) {
        case KvType::kF32:
          __builtin_memcpy(row, x, static_cast<size_t>(cache.d) * 4);
          break;
        case KvType::kF16:
          WriteHalves(x, row, cache.d, true);
          break;
        case KvType::kBf16:
          WriteHalves(x, row, cache.d, false);
          break;
        case KvType::kQ8_0:
          WriteQ8(x, row, cache.d);
          break;
      }
    }
  }
}

}  // namespace concord::kernels::CONCORD_ISA_NAMESPACE
