#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/cpu/attention.h"
#include "kernels/cpu/kernel_table.h"
#include "tests/unit/kernels/kernel_testing.h"

namespace concord::kernels {

struct AttentionOptions {
  KvType type = KvType::kF32;
  int64_t d_k = 64, d_v = 64, group = 4, kv_heads = 2, block_tokens = 16;
  int64_t length = 150, window = 0, chunk = 0;
  bool sinks = false;
  float softcap = 0.0f;
};

inline const char* const kKvPackings[] = {"f32", "f16", "bf16", "q8_0"};

// A sequence in a paged cache whose other blocks, and the tokens after its end, are NaN.
struct Sequence {
  Sequence(std::mt19937& rng, const AttentionOptions& o, Isa isa) : options(o) {
    n_blocks = (o.length + o.block_tokens - 1) / o.block_tokens;
    table.resize(static_cast<size_t>(n_blocks));
    for (size_t i = 0; i < table.size(); ++i) table[i] = static_cast<int32_t>(2 * (table.size() - i) - 1);
    k = Cache(o.d_k, &k_bytes);
    v = Cache(o.d_v, &v_bytes);
    std::vector<float> k_rows = RandomFloats(rng, o.length * o.kv_heads * o.d_k);
    std::vector<float> v_rows = RandomFloats(rng, o.length * o.kv_heads * o.d_v);
    std::vector<int64_t> slots(static_cast<size_t>(o.length));
    for (int64_t t = 0; t < o.length; ++t) {
      slots[static_cast<size_t>(t)] =
          table[static_cast<size_t>(t / o.block_tokens)] * o.block_tokens + t % o.block_tokens;
    }
    Append(isa, k, k_rows, slots);
    Append(isa, v, v_rows, slots);
    heads = o.group * o.kv_heads;
    q = RandomFloats(rng, o.length * heads * o.d_k);
    sinks = RandomFloats(rng, heads, 2.0f);
  }

  KvCache Cache(int64_t d, std::vector<uint8_t>* bytes) const {
    KvCache cache;
    cache.type = options.type;
    cache.n_kv_heads = options.kv_heads;
    cache.block_tokens = options.block_tokens;
    cache.d = d;
    bytes->assign(
        static_cast<size_t>((2 * n_blocks + 1) * options.kv_heads * options.block_tokens * KvRowBytes(cache.type, d)),
        0xff);
    cache.blocks = bytes->data();
    return cache;
  }

  void Append(Isa isa, const KvCache& cache, const std::vector<float>& rows, const std::vector<int64_t>& slots) const {
    KvAppendArgs args;
    args.x = rows.data();
    args.x_stride = cache.n_kv_heads * cache.d;
    args.slots = slots.data();
    args.n_tokens = options.length;
    args.cache = cache;
    Kernels(isa).kv_append(args);
  }

  // The cache's row as the packing decodes it.
  std::vector<float> Row(const KvCache& cache, int64_t position, int64_t head) const {
    const int64_t block = table[static_cast<size_t>(position / cache.block_tokens)];
    const int64_t row = (block * cache.n_kv_heads + head) * cache.block_tokens + position % cache.block_tokens;
    const packing::Packing* packing = packing::Find(kKvPackings[static_cast<int>(cache.type)]);
    std::vector<float> out(static_cast<size_t>(cache.d));
    packing->decode(static_cast<const uint8_t*>(cache.blocks) + row * KvRowBytes(cache.type, cache.d),
                    cache.d / packing->block_elems, out.data());
    return out;
  }

  AttentionTile Tile(int64_t kv_head, const std::vector<int32_t>& positions, std::vector<float>* out) const {
    AttentionTile tile;
    tile.q_stride = heads * options.d_k;
    tile.positions = positions.data();
    tile.n_queries = static_cast<int64_t>(positions.size());
    tile.kv_head = kv_head;
    tile.n_heads = heads;
    tile.k = k;
    tile.v = v;
    tile.block_table = table.data();
    tile.window = options.window;
    tile.chunk = options.chunk;
    tile.sinks = options.sinks ? sinks.data() : nullptr;
    tile.scale = 1.0f / std::sqrt(static_cast<float>(options.d_k));
    tile.softcap = options.softcap;
    tile.out_stride = heads * options.d_v;
    tile.out = out->data();
    return tile;
  }

  // Results of the queries at `positions` (consecutive), all heads, `at_once` queries a tile.
  std::vector<float> Run(Isa isa, const std::vector<int32_t>& positions, size_t at_once) const {
    std::vector<float> out(positions.size() * static_cast<size_t>(heads * options.d_v), 3.0f);
    for (int64_t h = 0; h < options.kv_heads; ++h) {
      for (size_t i = 0; i < positions.size(); i += at_once) {
        const std::vector<int32_t> some(
            positions.begin() + static_cast<int64_t>(i),
            positions.begin() + static_cast<int64_t>(std::min(positions.size(), i + at_once)));
        AttentionTile tile = Tile(h, some, &out);
        tile.q = q.data() + positions[0] * tile.q_stride + static_cast<int64_t>(i) * tile.q_stride;
        tile.out += static_cast<int64_t>(i) * tile.out_stride;
        Scratch scratch(AttentionScratchBytes(options.d_k, options.d_v, tile.n_queries * options.group));
        tile.scratch = scratch.get();
        Kernels(isa).attention(tile);
      }
    }
    return out;
  }

  std::vector<double> Reference(int64_t position, int64_t head) const {
    const int64_t kv_head = head / options.group;
    std::vector<double> scores;
    std::vector<int64_t> seen;
    for (int64_t j = 0; j <= position; ++j) {
      if (options.window > 0 && position - j >= options.window) continue;
      if (options.chunk > 0 && j / options.chunk != position / options.chunk) continue;
      const std::vector<float> key = Row(k, j, kv_head);
      double s = 0;
      for (int64_t i = 0; i < options.d_k; ++i) {
        s += double{q[static_cast<size_t>((position * heads + head) * options.d_k + i)]} * key[static_cast<size_t>(i)];
      }
      s *= double{1.0f / std::sqrt(static_cast<float>(options.d_k))};
      scores.push_back(options.softcap > 0 ? options.softcap * std::tanh(s / options.softcap) : s);
      seen.push_back(j);
    }
    double top = options.sinks ? sinks[static_cast<size_t>(head)] : -1e300, total = 0;
    for (double s : scores) top = std::max(top, s);
    for (double s : scores) total += std::exp(s - top);
    if (options.sinks) total += std::exp(sinks[static_cast<size_t>(head)] - top);
    std::vector<double> out(static_cast<size_t>(options.d_v));
    for (size_t n = 0; n < seen.size(); ++n) {
      const std::vector<float> value = Row(v, seen[n], kv_head);
      for (size_t i = 0; i < out.size(); ++i) out[i] += std::exp(scores[n] - top) / total * value[i];
    }
    return out;
  }

  AttentionOptions options;
  int64_t n_blocks = 0, heads = 0;
  std::vector<int32_t> table;
  std::vector<uint8_t> k_bytes, v_bytes;
  KvCache k, v;
  std::vector<float> q, sinks;
};

inline std::vector<int32_t> From(int64_t first, int64_t n) {
  std::vector<int32_t> positions;
  for (int64_t i = 0; i < n; ++i) positions.push_back(static_cast<int32_t>(first + i));
  return positions;
}

}  // namespace concord::kernels
