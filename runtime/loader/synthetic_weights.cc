#include "runtime/loader/synthetic_weights.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace concord::loader {
namespace {

constexpr float kStd = 0.02f;

// splitmix64: one add and two multiplies a number, every seed gives another good stream.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0xD1342543DE82EF95u + 1) {}
  uint64_t Next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

// The sum of four 16-bit uniforms: near enough to a normal distribution, for one random word a value.
float Normal(uint64_t word) {
  const int32_t sum =
      static_cast<int32_t>((word & 0xFFFF) + (word >> 16 & 0xFFFF) + (word >> 32 & 0xFFFF) + (word >> 48));
  constexpr float kStdOfSum = 65536.0f * 0.57735027f;  // sqrt(4 / 12) of the range
  return static_cast<float>(sum - 131070) * (kStd / kStdOfSum);
}

void FillF32(bool ones, Random random, int64_t n, std::byte* out) {
  for (int64_t i = 0; i < n; ++i) {
    const float value = ones ? 1.0f : Normal(random.Next());
    std::memcpy(out + i * sizeof(value), &value, sizeof(value));
  }
}

// Blocks of any type, picked from a pool, since the reference encoders take longer than everything else here.
void FillFromPool(const packing::Packing& type, Random random, int64_t n_blocks, std::byte* out) {
  constexpr int64_t kPool = 4096;  // elements: encoded they stay in the first-level cache
  float values[kPool];
  for (float& value : values) value = Normal(random.Next());
  std::vector<std::byte> pool(static_cast<size_t>(type.Bytes(kPool)));
  const int64_t blocks = kPool / type.block_elems;
  type.encode(values, blocks, pool.data());
  const auto size = static_cast<size_t>(type.block_bytes);
  for (int64_t i = 0; i < n_blocks; i += 4) {
    const uint64_t word = random.Next();
    for (int64_t j = 0; j < std::min<int64_t>(n_blocks - i, 4); ++j) {
      const uint64_t pick = (word >> 16 * j) % static_cast<uint64_t>(blocks);
      std::memcpy(out + static_cast<size_t>(i + j) * size, pool.data() + pick * size, size);
    }
  }
}

// IEEE half of a small positive normal number, truncated; the scales below have no other kind.
uint16_t Half(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  const uint32_t exponent = bits >> 23;  // sign is 0
  if (exponent > 112) return static_cast<uint16_t>((exponent - 112) << 10 | (bits >> 13 & 0x3FF));
  return static_cast<uint16_t>((0x400u | (bits >> 13 & 0x3FF)) >> (113 - exponent));
}

// Where a block keeps a scale, and which value makes weights of standard deviation kStd from uniform quants.
struct Scale {
  int offset;
  float value;
};
struct Recipe {
  const char* type;
  Scale scales[2];
  int n_scales;
};
// Of the types that models mostly have, which are made faster than from a pool, and of those that have no encoder.
constexpr Recipe kRecipes[] = {
    {"q4_0", {{0, kStd / 4.6f}}, 1},                               // q - 8 is uniform on -8..7
    {"q8_0", {{0, kStd / 74.0f}}, 1},                              // q is uniform on -128..127
    {"q4_k", {{0, kStd / 258.0f}, {2, 7.5f * kStd / 258.0f}}, 2},  // scale and min uniform on 0..63
    {"q6_k", {{208, kStd / (37.0f * 18.5f)}}, 1},                  // int8 scales, kept to -64..63 below
    {"q2_k", {{80, kStd / 13.9f}, {82, 1.5f * kStd / 13.9f}}, 2},  // q on 0..3, scale and min on 0..15
    {"q3_k", {{108, kStd / (2.34f * 18.5f)}}, 1},                  // q - 4 on -4..3, scale on -32..31
    {"iq4_xs", {{0, kStd / (68.9f * 18.5f)}}, 1},                  // of the table's values, scale on -32..31
};

}  // namespace

void FillSyntheticBlocks(const packing::Packing& type, bool ones, uint64_t seed, int64_t n_blocks, std::byte* out) {
  Random random(seed);
  const Recipe* recipe = nullptr;
  for (const Recipe& known : kRecipes) {
    if (std::strcmp(known.type, type.name) == 0) recipe = &known;
  }
  if (std::strcmp(type.name, "f32") == 0) return FillF32(ones, random, n_blocks, out);
  if (recipe == nullptr) return FillFromPool(type, random, n_blocks, out);

  const size_t size = static_cast<size_t>(n_blocks) * type.block_bytes;
  for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
    const uint64_t word = random.Next();
    std::memcpy(out + at, &word, std::min(sizeof(word), size - at));
  }
  const bool q6_k = std::strcmp(type.name, "q6_k") == 0;
  for (int64_t b = 0; b < n_blocks; ++b) {
    std::byte* block = out + b * type.block_bytes;
    for (int s = 0; s < recipe->n_scales; ++s) {
      // q4_0 has -8 but no 8: blocks of either sign keep the mean at zero.
      const uint16_t sign = recipe->n_scales == 1 && b % 2 != 0 ? 0x8000 : 0;
      const uint16_t half = Half(recipe->scales[s].value) | sign;
      std::memcpy(block + recipe->scales[s].offset, &half, sizeof(half));
    }
    for (int i = 192; q6_k && i < 208; ++i) {
      block[i] = static_cast<std::byte>(static_cast<int8_t>(block[i]) >> 1);
    }
  }
}

}  // namespace concord::loader
