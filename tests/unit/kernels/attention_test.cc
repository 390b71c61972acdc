#include "kernels/cpu/attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cpu/kernel_table.h"
#include "tests/unit/kernels/kernel_testing.h"

namespace concord::kernels {
namespace {

struct Options {
  KvType type = KvType::kF32;
  int64_t d_k = 64, d_v = 64, group = 4, kv_heads = 2, block_tokens = 16;
  int64_t length = 150, window = 0, chunk = 0;
  bool sinks = false;
  float softcap = 0.0f;
};

const char* kPackings[] = {"f32", "f16", "bf16", "q8_0"};

// A sequence in a paged cache whose other blocks, and the tokens after its end, are NaN.
struct Sequence {
  Sequence(std::mt19937& rng, const Options& o, Isa isa) : options(o) {
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
    const packing::Packing* packing = packing::Find(kPackings[static_cast<int>(cache.type)]);
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

  Options options;
  int64_t n_blocks = 0, heads = 0;
  std::vector<int32_t> table;
  std::vector<uint8_t> k_bytes, v_bytes;
  KvCache k, v;
  std::vector<float> q, sinks;
};

std::vector<int32_t> From(int64_t first, int64_t n) {
  std::vector<int32_t> positions;
  for (int64_t i = 0; i < n; ++i) positions.push_back(static_cast<int32_t>(first + i));
  return positions;
}

class AttentionTest : public testing::TestWithParam<Isa> {
 protected:
  std::mt19937 rng_{31};

  void Check(const Options& options, int64_t first, int64_t n) {
    const Sequence sequence(rng_, options, GetParam());
    const std::vector<int32_t> positions = From(first, n);
    const std::vector<float> out = sequence.Run(GetParam(), positions, positions.size());
    for (int64_t i = 0; i < n; ++i) {
      for (int64_t h = 0; h < sequence.heads; ++h) {
        const std::vector<double> want = sequence.Reference(first + i, h);
        for (size_t c = 0; c < want.size(); ++c) {
          const size_t at = static_cast<size_t>((i * sequence.heads + h) * options.d_v) + c;
          ASSERT_NEAR(out[at], want[c], 3e-6) << "query " << first + i << " head " << h << " at " << c;
        }
      }
    }
  }
};

TEST_P(AttentionTest, AgreesWithFloat64ForEveryCacheType) {
  for (KvType type : {KvType::kF32, KvType::kF16, KvType::kBf16, KvType::kQ8_0}) {
    Options o;
    o.type = type;
    Check(o, 140, 10);
    Check(o, 0, 9);
    o.d_v = 96;
    o.d_k = 32;
    Check(o, 70, 3);
  }
}

TEST_P(AttentionTest, OddShapes) {
  for (int64_t group : {1, 3, 7}) {
    for (int64_t d : {1, 8, 40, 80, 128}) {
      Options o;
      o.group = group;
      o.d_k = d;
      o.d_v = d + 3;
      o.block_tokens = 5;
      o.type = d % 2 == 0 ? KvType::kF16 : KvType::kBf16;
      Check(o, 120, 1 + static_cast<int64_t>(rng_() % 5));
    }
  }
}

TEST_P(AttentionTest, MasksSinksAndSoftcap) {
  Options o;
  o.type = KvType::kF16;
  o.length = 300;
  for (int64_t window : {1, 5, 64, 100}) {
    o.window = window;
    Check(o, 130, 6);
    Check(o, 0, 3);
  }
  o.window = 0;
  for (int64_t chunk : {1, 50, 128}) {
    o.chunk = chunk;
    Check(o, 124, 8);
  }
  o.chunk = 0;
  o.sinks = true;
  Check(o, 290, 3);
  o.softcap = 1.5f;
  Check(o, 200, 3);
  o.window = 7;
  Check(o, 200, 3);
}

TEST_P(AttentionTest, ScoresFarApartStayFinite) {
  Options o;
  o.length = 200;
  Sequence sequence(rng_, o, GetParam());
  for (float& v : sequence.q) v *= 400.0f;
  const std::vector<float> out = sequence.Run(GetParam(), From(190, 3), 3);
  for (int64_t h = 0; h < sequence.heads; ++h) {
    const std::vector<double> want = sequence.Reference(191, h);
    for (size_t c = 0; c < want.size(); ++c) {
      ASSERT_NEAR(out[static_cast<size_t>((sequence.heads + h) * o.d_v) + c], want[c], 2e-3);  // scores near 1e4
    }
  }
}

// A query gives the same bits alone, in any tile, and on top of blocks of a window that are gone.
TEST_P(AttentionTest, BitsDoNotDependOnTheTile) {
  for (int64_t window : {0, 40}) {
    Options o;
    o.type = KvType::kF16;
    o.group = 3;
    o.length = 260;
    o.window = window;
    o.sinks = true;
    const Sequence sequence(rng_, o, GetParam());
    const std::vector<int32_t> positions = From(180, 70);
    const std::vector<float> want = sequence.Run(GetParam(), positions, 1);
    for (size_t at_once : {size_t{2}, size_t{7}, size_t{33}, size_t{70}}) {
      const std::vector<float> out = sequence.Run(GetParam(), positions, at_once);
      ASSERT_EQ(std::memcmp(out.data(), want.data(), want.size() * 4), 0) << at_once;
    }
  }
}

TEST_P(AttentionTest, AppendSkipsNegativeSlotsAndRoundsAsThePackings) {
  Options o;
  o.length = 20;
  o.d_k = o.d_v = 32;
  for (KvType type : {KvType::kF32, KvType::kF16, KvType::kBf16, KvType::kQ8_0}) {
    o.type = type;
    const Sequence sequence(rng_, o, GetParam());
    std::vector<uint8_t> bytes;
    const KvCache cache = sequence.Cache(32, &bytes);
    const std::vector<uint8_t> before = bytes;
    std::vector<float> x = RandomFloats(rng_, 2 * 2 * 32, 30.0f);
    x[1] = 1e-7f;
    x[2] = 60000.0f;
    x[3] = 1e-41f;
    std::vector<int64_t> slots = {-1, -1};
    KvAppendArgs args;
    args.x = x.data();
    args.x_stride = 64;
    args.slots = slots.data();
    args.n_tokens = 2;
    args.cache = cache;
    Kernels(GetParam()).kv_append(args);
    ASSERT_EQ(bytes, before);
    slots = {-1, 19};  // block 1, token 3
    Kernels(GetParam()).kv_append(args);
    std::swap(slots[0], slots[1]);
    slots[0] = 4;
    Kernels(GetParam()).kv_append(args);
    const packing::Packing* packing = packing::Find(kPackings[static_cast<int>(type)]);
    for (int64_t h = 0; h < 2; ++h) {
      float got[32];
      packing->decode(bytes.data() + (h * 16 + 4) * KvRowBytes(type, 32), 32 / packing->block_elems, got);
      float amax = 0;
      for (int i = 0; i < 32; ++i) amax = std::max(amax, std::fabs(x[static_cast<size_t>(32 * h + i)]));
      for (int i = 0; i < 32; ++i) {
        const float want = x[static_cast<size_t>(32 * h + i)];
        if (type == KvType::kF32) {
          ASSERT_EQ(got[i], want);
        }
        if (type == KvType::kF16) {
          ASSERT_EQ(got[i], packing::F16ToF32(packing::F32ToF16(want)));
        }
        if (type == KvType::kBf16) {
          ASSERT_EQ(got[i], packing::Bf16ToF32(packing::F32ToBf16(want)));
        }
        if (type == KvType::kQ8_0) {
          ASSERT_NEAR(got[i], want, amax * (0.5 / 127 + 1.0 / 2048));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, AttentionTest, testing::ValuesIn(SupportedIsas()),
                         [](const auto& info) { return std::string(IsaName(info.param)); });

}  // namespace
}  // namespace concord::kernels
