#pragma once

#include <cstdint>

namespace concord::kernels {

enum class KvType { kF32, kF16, kBf16, kQ8_0 };

// Bytes of one row of `d` values; -1 for kQ8_0 when d is no multiple of 32.
constexpr int64_t KvRowBytes(KvType type, int64_t d) {
  return type == KvType::kF32 ? 4 * d : type != KvType::kQ8_0 ? 2 * d : d % 32 != 0 ? -1 : d / 32 * 34;
}

// "kv.paged/1": [block, kv_head, token, d], K and V apart.
struct KvCache {
  KvType type = KvType::kF16;
  void* blocks = nullptr;
  int64_t n_kv_heads = 0;
  int64_t block_tokens = 0;
  int64_t d = 0;
};

// One tile of attention: query tokens of one sequence and the query heads of one KV head.
// Query i sees the keys j of its own sequence with j <= position[i], position[i] - j < window (if any) and
// j / chunk == position[i] / chunk (if any). Keys are taken 64 at a time, counted from position 0, with an online
// softmax from one 64 to the next: the result of a query depends on its own position alone (DESIGN D13), never on the
// tile. A query that sees nothing gives zeros.
struct AttentionTile {
  const float* q = nullptr;  // query i, head h at q[i * q_stride + h * k.d]
  int64_t q_stride = 0;
  const int32_t* positions = nullptr;  // [n_queries], not negative
  int64_t n_queries = 0;
  int64_t kv_head = 0;
  int64_t n_heads = 0;  // query heads; those of this KV head are kv_head * n_heads / n_kv_heads and following
  KvCache k;
  KvCache v;                             // same n_kv_heads and block_tokens; d may differ
  const int32_t* block_table = nullptr;  // the sequence's blocks, enough for its largest position
  int64_t window = 0;                    // 0: none
  int64_t chunk = 0;                     // 0: none
  const float* sinks = nullptr;          // [n_heads]: an extra logit with value zero; null: none
  float scale = 1.0f;
  float softcap = 0.0f;  // c: c * tanh(s / c); 0: none
  float* out = nullptr;  // query i, head h at out[i * out_stride + h * v.d]
  int64_t out_stride = 0;
  void* scratch = nullptr;  // AttentionScratchBytes(...), aligned to 64, used by this call alone
};

// Keys a step of the online softmax.
constexpr int64_t kKvChunk = 64;

// Scratch of a tile with `queries_heads` = n_queries * (n_heads / n_kv_heads) rows.
constexpr int64_t AttentionScratchBytes(int64_t d_k, int64_t d_v, int64_t queries_heads) {
  const int64_t dk = (d_k + 15) / 16 * 16;
  const int64_t dv = (d_v + 15) / 16 * 16;
  return 4 * (kKvChunk * (dk + dv) + (queries_heads + 8) * (dk + dv + 16) + 8 * kKvChunk + 64);
}

// Writes rows into the cache, converting: token t of `x` goes to slot slots[t] = block * block_tokens + token.
// A negative slot writes nowhere. Values that are not finite become NaN or infinity where the type has them.
struct KvAppendArgs {
  const float* x = nullptr;  // token t, head h at x[t * x_stride + h * cache.d]
  int64_t x_stride = 0;
  const int64_t* slots = nullptr;
  int64_t n_tokens = 0;
  KvCache cache;
};

}  // namespace concord::kernels
