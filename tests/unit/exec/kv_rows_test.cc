#include "runtime/exec/kv_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

namespace concord::exec {
namespace {

constexpr const char* kKvTypes[] = {"f32", "f16", "bf16", "q8_0"};

// What an element is, from its bits and in doubles: nothing of the packings' own code.
double HalfAt(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double size = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return (bits & 0x8000) != 0 ? -size : size;
}

double ElemAt(const std::string& packing, const char* bytes, int64_t i) {
  uint16_t half = 0;
  uint32_t word = 0;
  if (packing == "f16") return std::memcpy(&half, bytes + 2 * i, 2), HalfAt(half);
  if (packing == "q8_0") {
    const char* block = bytes + i / 32 * 34;
    std::memcpy(&half, block, 2);
    return HalfAt(half) * static_cast<int8_t>(block[2 + i % 32]);
  }
  if (packing == "bf16") {
    std::memcpy(&half, bytes + 2 * i, 2);
    word = static_cast<uint32_t>(half) << 16;
  } else {
    std::memcpy(&word, bytes + 4 * i, 4);
  }
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

// The most that rounding to `packing` may change `value`, in a block whose largest magnitude is `largest`.
double Rounding(const std::string& packing, double value, double largest) {
  if (packing == "f32") return 0;
  if (packing == "f16") return std::max(std::ldexp(std::fabs(value), -11), std::ldexp(1, -25));
  if (packing == "bf16") return std::max(std::ldexp(std::fabs(value), -8), std::ldexp(1, -134));
  // Half a step of largest / 127, and the step itself rounded to f16: 2^-11 of up to 127 steps.
  return largest / 254 + std::ldexp(largest, -11) + std::ldexp(127, -25);
}

class Pairs : public testing::TestWithParam<std::tuple<const char*, const char*>> {};

TEST_P(Pairs, EveryElementIsTheNearest) {
  const auto [from_name, to_name] = GetParam();
  const packing::Packing &from = *packing::Find(from_name), &to = *packing::Find(to_name);
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 3);
  const int64_t step = std::max(from.block_elems, to.block_elems);
  for (const int64_t blocks : {1, 2, 3, 31, 33, 65}) {
    const int64_t elems = blocks * step;
    std::vector<float> values(elems);
    for (float& v : values) v = normal(random);
    values[0] = 0;
    std::vector<char> source(from.Bytes(elems)), target(to.Bytes(elems) + 8, '\x5A');
    ASSERT_TRUE(from.encode(values.data(), elems / from.block_elems, source.data()));
    ASSERT_TRUE(ConvertElems(from, source.data(), to, target.data(), elems));
    for (int64_t i = 0; i < elems; ++i) {
      const double want = ElemAt(from_name, source.data(), i);
      double largest = 0;
      for (int64_t j = i / step * step; j < (i / step + 1) * step; ++j) {
        largest = std::max(largest, std::fabs(ElemAt(from_name, source.data(), j)));
      }
      const double tolerance = &from == &to ? 0 : Rounding(to_name, want, largest);
      ASSERT_NEAR(ElemAt(to_name, target.data(), i), want, tolerance) << "element " << i << " of " << elems;
    }
    for (int64_t i = to.Bytes(elems); i < to.Bytes(elems) + 8; ++i) ASSERT_EQ(target[i], '\x5A');
    if (&from != &to) continue;
    EXPECT_EQ(std::memcmp(source.data(), target.data(), source.size()), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Pairs, testing::Combine(testing::ValuesIn(kKvTypes), testing::ValuesIn(kKvTypes)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) + "_to_" + std::get<1>(info.param);
                         });

// A wider type holds every value of a narrower one, and back it is the same.
TEST(ConvertElems, WideningIsExact) {
  const packing::Packing& f32 = *packing::Find("f32");
  for (const char* name : {"f16", "bf16"}) {
    const packing::Packing& narrow = *packing::Find(name);
    std::vector<uint16_t> all, back;
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
      float value;
      const auto half = static_cast<uint16_t>(bits);
      narrow.decode(&half, 1, &value);
      if (std::isfinite(value)) all.push_back(half);
    }
    std::vector<float> wide(all.size());
    back.resize(all.size());
    const auto n = static_cast<int64_t>(all.size());
    ASSERT_TRUE(ConvertElems(narrow, all.data(), f32, wide.data(), n));
    ASSERT_TRUE(ConvertElems(f32, wide.data(), narrow, back.data(), n));
    EXPECT_EQ(back, all) << name;
  }
}

TEST(ConvertElems, WhatDoesNotFitIsSaid) {
  const packing::Packing &f32 = *packing::Find("f32"), &f16 = *packing::Find("f16");
  std::vector<float> values(33, 1.0f);
  std::vector<uint16_t> out(33);
  values[32] = 70000;
  EXPECT_FALSE(ConvertElems(f32, values.data(), f16, out.data(), 33));
  values[32] = std::nanf("");
  EXPECT_FALSE(ConvertElems(f32, values.data(), f16, out.data(), 33));
  std::vector<float> same(33);
  EXPECT_TRUE(ConvertElems(f32, values.data(), f32, same.data(), 33));  // bytes are bytes
}

TEST(Checksum, EveryFlippedBitShows) {
  std::mt19937 random(3);
  for (const int64_t size : {1, 7, 8, 9, 34, 64, 100}) {
    std::vector<char> bytes(size);
    for (char& b : bytes) b = static_cast<char>(random());
    const uint64_t sum = ChecksumOf(bytes.data(), size, kChecksumSeed);
    for (int64_t bit = 0; bit < 8 * size; ++bit) {
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
      EXPECT_NE(ChecksumOf(bytes.data(), size, kChecksumSeed), sum) << "bit " << bit << " of " << size << " bytes";
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    }
    EXPECT_EQ(ChecksumOf(bytes.data(), size, kChecksumSeed), sum);
  }
}

TEST(Checksum, TellsOrderAndZerosApart) {
  const uint64_t a[] = {1, 2}, b[] = {2, 1}, zeros[] = {0, 0};
  EXPECT_NE(ChecksumOf(a, 16, kChecksumSeed), ChecksumOf(b, 16, kChecksumSeed));
  EXPECT_NE(ChecksumOf(zeros, 8, kChecksumSeed), ChecksumOf(zeros, 16, kChecksumSeed));
}

}  // namespace
}  // namespace concord::exec
