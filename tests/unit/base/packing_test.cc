#include "runtime/base/packing/packing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/base/packing_testing.h"

namespace concord::packing {
namespace {

// A second reading of the formats: every element is found on its own by bit positions in the block, and computed in
// double (exact, but for the last rounding to float). Shares no code and no order of traversal with the packings.

double Level4(int code) {
  static const double kLevels[] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  return kLevels[code];
}

double Fp4(int code) {
  const int exponent = (code >> 1) & 3;
  const double mantissa = code & 1;
  const double magnitude = exponent == 0 ? mantissa / 2 : (1 + mantissa / 2) * std::ldexp(1, exponent - 1);
  return code & 8 ? -magnitude : magnitude;
}

// Scale (which = 0) or minimum (1) of sub-block s, 12 bytes from `byte`.
int KScale(const Bits& b, int byte, int s, int which) {
  if (s < 4) return b.At(byte + 4 * which + s, 0, 6);
  return b.At(byte + 4 + s, 4 * which, 4) + 16 * b.At(byte + 4 * which + s - 4, 6, 2);
}

double Q3kElement(const Bits& b, int e) {
  const int k = e / 16;
  const int scale = b.At(96 + k % 8, k < 8 ? 0 : 4, 4) + 16 * b.At(104 + k % 4, k / 4 * 2, 2) - 32;
  const int q = b.At(32 + e / 128 * 32 + e % 32, e % 128 / 32 * 2, 2) - (b.At(e % 32, e / 32, 1) ? 0 : 4);
  return b.Half(108) * scale * q;
}

double Q6kElement(const Bits& b, int e) {
  const int t = e % 128 / 32;
  const int low = b.At(e / 128 * 64 + t % 2 * 32 + e % 32, t / 2 * 4, 4);
  const int high = b.At(128 + e / 128 * 32 + e % 32, 2 * t, 2);
  return b.Half(208) * Signed(b.At(192 + e / 16, 0, 8), 8) * (low + 16 * high - 32);
}

double Iq4xsElement(const Bits& b, int e) {
  const int s = e / 32;
  const int scale = b.At(4, 4 * s, 4) + 16 * b.At(2, 2 * s, 2) - 32;
  return b.Half(0) * scale * Level4(Nibble32(b, 8 + 16 * s, e % 32));
}

double Mxfp4Element(const Bits& b, int e) {
  const int exponent = b.At(0, 0, 8);
  return exponent == 255 ? std::nan("") : std::ldexp(Fp4(Nibble32(b, 1, e)), exponent - 127);
}

double Q4kElement(const Bits& b, int e) {
  const int s = e / 32;
  const int q = b.At(16 + e / 64 * 32 + e % 32, s % 2 * 4, 4);
  return b.Half(0) * KScale(b, 4, s, 0) * q - b.Half(2) * KScale(b, 4, s, 1);
}

double Q5kElement(const Bits& b, int e) {
  const int s = e / 32;
  const int q = b.At(48 + e / 64 * 32 + e % 32, s % 2 * 4, 4) + 16 * b.At(16 + e % 32, s, 1);
  return b.Half(0) * KScale(b, 4, s, 0) * q - b.Half(2) * KScale(b, 4, s, 1);
}

double Q2kElement(const Bits& b, int e) {
  const int q = b.At(16 + e / 128 * 32 + e % 32, e % 128 / 32 * 2, 2);
  return b.Half(80) * b.At(e / 16, 0, 4) * q - b.Half(82) * b.At(e / 16, 4, 4);
}

double PlainInteger(const Bits& b, int bytes) {
  int64_t value = Signed(b.At(bytes - 1, 0, 8), 8);
  for (int i = bytes - 2; i >= 0; --i) value = value * 256 + b.At(i, 0, 8);
  return static_cast<double>(static_cast<float>(value));
}

double PlainFloat(const Bits& b, int byte, int lost) {
  uint32_t bits = 0;
  for (int i = 0; i < 4 - lost; ++i) bits += static_cast<uint32_t>(b.At(byte + i, 0, 8)) << (8 * (i + lost));
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

using Element = std::function<double(const Bits&, int)>;

const std::map<std::string, Element>& Elements() {
  static const auto* elements = new std::map<std::string, Element>{
      {"f32", [](const Bits& b, int) { return PlainFloat(b, 0, 0); }},
      {"f16", [](const Bits& b, int) { return b.Half(0); }},
      {"bf16", [](const Bits& b, int) { return PlainFloat(b, 0, 2); }},
      {"i8", [](const Bits& b, int) { return PlainInteger(b, 1); }},
      {"u8", [](const Bits& b, int) { return static_cast<double>(b.At(0, 0, 8)); }},
      {"i32", [](const Bits& b, int) { return PlainInteger(b, 4); }},
      {"i64", [](const Bits& b, int) { return PlainInteger(b, 8); }},
      {"q4_0", [](const Bits& b, int e) { return b.Half(0) * (Nibble32(b, 2, e) - 8); }},
      {"q4_1", [](const Bits& b, int e) { return b.Half(0) * Nibble32(b, 4, e) + b.Half(2); }},
      {"q5_0", [](const Bits& b, int e) { return b.Half(0) * (Nibble32(b, 6, e) + 16 * b.At(2, e, 1) - 16); }},
      {"q5_1", [](const Bits& b, int e) { return b.Half(0) * (Nibble32(b, 8, e) + 16 * b.At(4, e, 1)) + b.Half(2); }},
      {"q8_0", [](const Bits& b, int e) { return b.Half(0) * Signed(b.At(2 + e, 0, 8), 8); }},
      {"q2_k", Q2kElement},
      {"q3_k", Q3kElement},
      {"q4_k", Q4kElement},
      {"q5_k", Q5kElement},
      {"q6_k", Q6kElement},
      {"iq4_nl", [](const Bits& b, int e) { return b.Half(0) * Level4(Nibble32(b, 2, e)); }},
      {"iq4_xs", Iq4xsElement},
      {"mxfp4", Mxfp4Element},
  };
  return *elements;
}

bool SameValue(float got, double want_exact) {
  const float want = static_cast<float>(want_exact);
  return std::isnan(want) ? std::isnan(got) : got == want;
}

TEST(PackingTable, HasTheTypesOfGguf) {
  struct Row {
    const char* name;
    int32_t gguf_type;
    uint32_t elems, bytes;
    bool writes;
  };
  const std::vector<Row> rows = {
      {"bf16", 30, 1, 2, true},     {"f16", 1, 1, 2, true},          {"f32", 0, 1, 4, true},
      {"i32", 26, 1, 4, false},     {"i64", 27, 1, 8, false},        {"i8", 24, 1, 1, false},
      {"iq4_nl", 20, 32, 18, true}, {"iq4_xs", 23, 256, 136, false}, {"mxfp4", 39, 32, 17, true},
      {"q2_k", 10, 256, 84, false}, {"q3_k", 11, 256, 110, false},   {"q4_0", 2, 32, 18, true},
      {"q4_1", 3, 32, 20, true},    {"q4_k", 12, 256, 144, true},    {"q5_0", 6, 32, 22, true},
      {"q5_1", 7, 32, 24, true},    {"q5_k", 13, 256, 176, true},    {"q6_k", 14, 256, 210, true},
      {"q8_0", 8, 32, 34, true},    {"u8", -1, 1, 1, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const Packing* packing = Find(row.name);
    ASSERT_NE(packing, nullptr);
    EXPECT_STREQ(packing->name, row.name);
    EXPECT_EQ(packing->gguf_type, row.gguf_type);
    EXPECT_EQ(packing->block_elems, row.elems);
    EXPECT_EQ(packing->block_bytes, row.bytes);
    EXPECT_EQ(packing->encode != nullptr, row.writes);
    EXPECT_NE(packing->decode, nullptr);
    if (row.gguf_type >= 0) {
      EXPECT_EQ(FindGguf(row.gguf_type), packing);
    }
  }
}

TEST(PackingTable, IsSortedAndConsistent) {
  const auto packings = AllPackings();
  ASSERT_GE(packings.size(), 20u);
  for (size_t i = 0; i < packings.size(); ++i) {
    EXPECT_EQ(Find(packings[i]->name), packings[i]);
    EXPECT_TRUE(Elements().count(packings[i]->name)) << packings[i]->name << " has no second reading in this test";
    if (i > 0) {
      EXPECT_LT(std::string(packings[i - 1]->name), packings[i]->name);
    }
  }
}

TEST(PackingTable, UnknownIsNull) {
  for (const char* name : {"", "Q4_K", "q4_k ", "q4", "q4_k_m", "q8_1"}) EXPECT_EQ(Find(name), nullptr) << name;
  EXPECT_EQ(Find(nullptr), nullptr);
  // Removed, activation-only and never assigned ids; -1 is "no id", although u8 carries it.
  for (int id : {-1, -2, 4, 5, 9, 15, 31, 32, 33, 36, 37, 38, 97, 1000000, std::numeric_limits<int>::min()}) {
    EXPECT_EQ(FindGguf(id), nullptr) << id;
  }
}

TEST(PackingBytes, RefusesPartBlocksAndOverflow) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const Packing& q4_k = *Find("q4_k");
  EXPECT_EQ(q4_k.Bytes(0), 0);
  EXPECT_EQ(q4_k.Bytes(256), 144);
  EXPECT_EQ(q4_k.Bytes(int64_t{256} * 1000003), int64_t{144} * 1000003);
  for (int64_t elems : {int64_t{1}, int64_t{255}, int64_t{257}, int64_t{-1}, int64_t{-256}, kMost}) {
    EXPECT_EQ(q4_k.Bytes(elems), -1) << elems;
  }
  EXPECT_EQ(Find("u8")->Bytes(kMost), kMost);
  EXPECT_EQ(Find("f32")->Bytes(kMost / 4), kMost / 4 * 4);
  EXPECT_EQ(Find("f32")->Bytes(kMost / 4 + 1), -1);
  EXPECT_EQ(Find("q8_0")->Bytes(int64_t{1} << 62), (int64_t{1} << 57) * 34);
  EXPECT_EQ(Find("i64")->Bytes(int64_t{1} << 60), -1);
}

TEST(PackingDecode, MatchesASecondReadingOnRandomBlocks) {
  for (const Packing* packing : AllPackings()) {
    SCOPED_TRACE(packing->name);
    std::mt19937 generator(20240 + packing->block_bytes);
    std::uniform_int_distribution<int> byte(0, 255);
    const int n_blocks = packing->block_elems == 1 ? 5000 : 97;
    std::vector<uint8_t> blocks(n_blocks * packing->block_bytes);
    for (uint8_t& b : blocks) b = static_cast<uint8_t>(byte(generator));
    const auto values = Decode(*packing, blocks);
    const Element& element = Elements().at(packing->name);
    int wrong = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const Bits bits(blocks.data() + i / packing->block_elems * packing->block_bytes);
      const double want = element(bits, static_cast<int>(i % packing->block_elems));
      if (SameValue(values[i], want) || ++wrong > 3) continue;
      ADD_FAILURE() << "element " << i << ": got " << values[i] << ", want " << want;
    }
    EXPECT_EQ(wrong, 0);
  }
}

TEST(PackingDecode, TakesUnalignedBlocksAndWritesNoMore) {
  for (const Packing* packing : AllPackings()) {
    std::mt19937 generator(7);
    constexpr int kBlocks = 3;
    std::vector<uint8_t> blocks(kBlocks * packing->block_bytes);
    for (uint8_t& b : blocks) b = static_cast<uint8_t>(generator() & 0x3b);  // no NaN in any type
    const auto want = Decode(*packing, blocks);
    for (int shift = 1; shift < 8; ++shift) {
      std::vector<uint8_t> moved(blocks.size() + shift);
      std::copy(blocks.begin(), blocks.end(), moved.begin() + shift);
      std::vector<float> got(want.size() + 1, 12345.0f);
      packing->decode(moved.data() + shift, kBlocks, got.data());
      EXPECT_EQ(got.back(), 12345.0f) << packing->name;
      got.pop_back();
      EXPECT_EQ(got, want) << packing->name << " at " << shift;
    }
    packing->decode(nullptr, 0, nullptr);
  }
}

}  // namespace
}  // namespace concord::packing
