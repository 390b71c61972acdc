#include "kernels/cpu/attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/kernels/attention_testing.h"

namespace concord::kernels {
namespace {

class AttentionTest : public testing::TestWithParam<Isa> {
 protected:
  std::mt19937 rng_{31};

  void Check(const AttentionOptions& options, int64_t first, int64_t n) {
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
    AttentionOptions o;
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
      AttentionOptions o;
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
  AttentionOptions o;
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
  AttentionOptions o;
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
  for (KvType type : {KvType::kF32, KvType::kF16, KvType::kBf16, KvType::kQ8_0}) {
    for (int64_t window : {0, 40}) {
      AttentionOptions o;
      o.type = type;
      o.group = 3;
      o.d_v = 96;
      o.length = 260;
      o.window = window;
      o.sinks = true;
      const Sequence sequence(rng_, o, GetParam());
      const std::vector<int32_t> positions = From(180, 70);
      const std::vector<float> want = sequence.Run(GetParam(), positions, 1);
      for (size_t at_once : {size_t{2}, size_t{7}, size_t{33}, size_t{70}}) {
        const std::vector<float> out = sequence.Run(GetParam(), positions, at_once);
        ASSERT_EQ(std::memcmp(out.data(), want.data(), want.size() * 4), 0)
            << kKvPackings[static_cast<int>(type)] << ", " << at_once << " queries a tile";
      }
    }
  }
}

// Nor on what lies at keys that a query does not see, though its tile does.
TEST_P(AttentionTest, ValuesOfUnseenKeysDoNotShow) {
  for (const KvType type : {KvType::kF32, KvType::kF16, KvType::kBf16}) {
    for (const int64_t window : {0, 20}) {
      AttentionOptions o;
      o.type = type, o.window = window, o.group = 3, o.d_v = 80;
      const Sequence s(rng_, o, GetParam());
      const std::vector<int32_t> positions = From(60, 70);
      const std::vector<float> before = s.Run(GetParam(), positions, 1);
      constexpr int64_t kInfinite = 101;
      const std::vector<float> infinite(static_cast<size_t>(o.kv_heads * o.d_v), INFINITY);
      const int64_t slot = s.table[kInfinite / o.block_tokens] * o.block_tokens + kInfinite % o.block_tokens;
      KvAppendArgs args;
      args.x = infinite.data();
      args.x_stride = o.kv_heads * o.d_v;
      args.slots = &slot;
      args.n_tokens = 1;
      args.cache = s.v;
      Kernels(GetParam()).kv_append(args);
      for (const size_t at_once : {1, 2, 5, 70}) {
        const std::vector<float> after = s.Run(GetParam(), positions, at_once);
        const auto width = static_cast<size_t>(s.heads * o.d_v);
        for (size_t i = 0; i < after.size(); ++i) {
          const int64_t position = positions[i / width];
          const bool sees = position >= kInfinite && (window == 0 || position - window < kInfinite);
          ASSERT_EQ(std::isfinite(after[i]), !sees) << position << ", " << at_once << " at once";
          if (sees) continue;
          ASSERT_EQ(after[i], before[i]) << position << ", " << at_once << " at once";
        }
      }
    }
  }
}

TEST_P(AttentionTest, AppendSkipsNegativeSlotsAndRoundsAsThePackings) {
  AttentionOptions o;
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
    const packing::Packing* packing = packing::Find(kKvPackings[static_cast<int>(type)]);
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
