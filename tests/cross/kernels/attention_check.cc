#include <cmath>
#include <random>

#include "tests/cross/kernels/check.h"
#include "tests/unit/kernels/attention_testing.h"

namespace concord::kernels::cross {
namespace {

std::string Name(const AttentionOptions& o) {
  return std::string("attention ") + kKvPackings[static_cast<int>(o.type)] + " d_k " + std::to_string(o.d_k) + " d_v " +
         std::to_string(o.d_v) + " group " + std::to_string(o.group) + " window " + std::to_string(o.window) +
         " chunk " + std::to_string(o.chunk);
}

// n queries from `first` on. The scores are sums of d_k terms near 1 in size, so they are right to about d_k / 2^24,
// and the result, a mean of values of 0..5, to a few times that: 3e-6 as in tests/unit/kernels. `factor` makes the
// queries larger.
void CheckOptions(const AttentionOptions& o, int64_t first, int64_t n, std::mt19937* rng, float factor = 1.0f) {
  Sequence sequence(*rng, o, Isa::kPortable);
  for (float& q : sequence.q) q *= factor;
  const std::vector<int32_t> positions = From(first, n);
  const auto run = [&](Isa isa) { return sequence.Run(isa, positions, positions.size()); };
  const std::vector<float> out = SameInEveryVariant(Name(o), run);
  std::vector<double> want;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t h = 0; h < sequence.heads; ++h) {
      const std::vector<double> row = sequence.Reference(first + i, h);
      want.insert(want.end(), row.begin(), row.end());
    }
  }
  CheckNear(Name(o), out, want, [&](size_t) { return 3e-6 * std::max(1.0f, factor); });
}

// What is appended to a cache is the same in its bytes.
void CheckAppend(KvType type, std::mt19937* rng) {
  AttentionOptions o;
  o.type = type;
  o.length = 30;
  o.d_k = o.d_v = 32 + 32 * static_cast<int64_t>((*rng)() % 3);
  const uint32_t seed = (*rng)();
  const auto bytes = [&](Isa isa) {
    std::mt19937 same(seed);
    const Sequence sequence(same, o, isa);
    return sequence.k_bytes;
  };
  for (Isa isa : SupportedIsas()) {
    Check(bytes(isa) == bytes(Isa::kPortable), std::string("kv_append ") + IsaName(isa) + " " + Name(o), "other",
          "the portable bytes");
  }
}

}  // namespace

void CheckAttention() {
  std::mt19937 rng(31);
  for (KvType type : {KvType::kF32, KvType::kF16, KvType::kBf16, KvType::kQ8_0}) {
    CheckAppend(type, &rng);
    AttentionOptions o;
    o.type = type;
    CheckOptions(o, 140, 3, &rng);
    o.d_k = 32;
    o.d_v = 96;
    CheckOptions(o, 0, 4, &rng);
  }
  for (int64_t d : {1, 8, 40, 80}) {
    AttentionOptions o;
    o.group = 1 + static_cast<int64_t>(rng() % 7);
    o.d_k = d;
    o.d_v = d + 3;
    o.block_tokens = 5;
    o.length = 80;
    o.type = d % 16 == 0 ? KvType::kF16 : KvType::kBf16;
    CheckOptions(o, 63, 3, &rng);
  }
  AttentionOptions o;
  o.type = KvType::kF16;
  o.length = 140;
  o.window = 5;
  CheckOptions(o, 127, 4, &rng);
  o.window = 0;
  o.chunk = 50;
  CheckOptions(o, 98, 4, &rng);
  o.chunk = 0;
  o.sinks = true;
  o.softcap = 1.5f;
  CheckOptions(o, 130, 2, &rng);
  o.softcap = 0.0f;
  CheckOptions(o, 130, 2, &rng, 400.0f);  // scores far apart
}

}  // namespace concord::kernels::cross
