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

#include "tests/unit/base/packing_elements.h"

namespace concord::packing {
namespace {

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
