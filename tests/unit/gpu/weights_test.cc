#include "backends/gpu/weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "runtime/base/packing/half.h"
#include "runtime/base/packing/mxfp4.h"
#include "runtime/base/packing/packing.h"

namespace concord::gpu {
namespace {

using packing::Bf16ToF32;
using packing::F16ToF32;
using packing::F32FromBits;

// What the kernels read of a unit: kernels/gpu/packing/*.inc, in plain C++.
struct Unit {
  const uint32_t* q;
  uint32_t scale = 0, super = 0;

  uint32_t Bits(uint32_t element, uint32_t bits) const {
    const uint32_t at = element * bits;
    return q[at / 32] >> (at % 32) & ((uint64_t{1} << bits) - 1);
  }
  uint32_t Nibble(uint32_t i) const { return q[i % 16 / 4] >> (i % 4 * 8 + i / 16 * 4) & 15; }
  uint32_t Pair(uint32_t i) const { return q[4 + i / 16] >> (i % 4 * 8 + i % 16 / 4 * 2) & 3; }
  float Half() const { return F16ToF32(static_cast<uint16_t>(scale)); }
  float SuperHalf(int odd) const { return F16ToF32(static_cast<uint16_t>(super >> (16 * odd))); }
};

float Decode(const std::string& packing, const Unit& u, uint32_t i) {
  if (packing == "f32") return F32FromBits(u.q[i]);
  if (packing == "f16") return F16ToF32(static_cast<uint16_t>(u.Bits(i, 16)));
  if (packing == "bf16") return Bf16ToF32(static_cast<uint16_t>(u.Bits(i, 16)));
  if (packing == "q8_0") return u.Half() * static_cast<float>(static_cast<int8_t>(u.Bits(i, 8)));
  if (packing == "q4_0") return u.Half() * (static_cast<float>(u.Nibble(i)) - 8);
  if (packing == "mxfp4")
    return packing::mxfp4::Scale(static_cast<uint8_t>(u.scale)) * packing::mxfp4::kFp4[u.Nibble(i)];
  if (packing == "q4_k") {
    return u.SuperHalf(0) * static_cast<float>(u.scale & 255) * static_cast<float>(u.Nibble(i)) -
           u.SuperHalf(1) * static_cast<float>(u.scale >> 8);
  }
  const auto scale = static_cast<int8_t>(u.scale >> (i < 16 ? 0 : 8));
  return u.SuperHalf(0) * static_cast<float>(scale) * (static_cast<float>(u.Nibble(i) | u.Pair(i) << 4) - 32);
}

// Random bytes: every pattern of quants and scales. NaNs would not compare: blocks that hold one are drawn again.
std::vector<uint8_t> RandomRows(const packing::Packing& packing, int64_t rows, int64_t cols, uint64_t stride) {
  std::mt19937 random(7);
  std::vector<uint8_t> bytes(static_cast<size_t>(rows) * stride);
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
  const int64_t blocks = cols / packing.block_elems;
  std::vector<float> values(packing.block_elems);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t b = 0; b < blocks; ++b) {
      uint8_t* const block = bytes.data() + r * stride + b * packing.block_bytes;
      for (;;) {
        packing.decode(block, 1, values.data());
        bool finite = true;
        for (float v : values) finite = finite && std::isfinite(v);
        if (finite) break;
        for (uint32_t i = 0; i < packing.block_bytes; ++i) block[i] = static_cast<uint8_t>(random());
      }
    }
  }
  return bytes;
}

void RoundTrip(const char* name, int64_t rows, int64_t cols, uint64_t max_part_bytes, size_t want_parts) {
  SCOPED_TRACE(std::string(name) + " " + std::to_string(rows) + "x" + std::to_string(cols));
  const WeightFormat* format = FindFormat(name);
  ASSERT_NE(format, nullptr);
  const packing::Packing& packing = *packing::Find(name);
  ASSERT_EQ(packing.block_elems, format->block_elems);
  ASSERT_EQ(packing.block_bytes, format->block_bytes);
  const uint64_t stride = static_cast<uint64_t>(packing.Bytes(cols)) + 6;
  const std::vector<uint8_t> file = RandomRows(packing, rows, cols, stride);
  const WeightLayout layout = WeightLayout::Make(*format, rows, cols, max_part_bytes);
  EXPECT_EQ(layout.parts.size(), want_parts);
  int64_t next = 0;
  std::vector<float> want(static_cast<size_t>(cols));
  for (const WeightLayout::Part& part : layout.parts) {
    EXPECT_EQ(part.row_begin, next);
    EXPECT_EQ(part.bytes % 16, 0u);
    EXPECT_EQ(part.scales_word % 4, 0u);
    EXPECT_EQ(part.supers_word % 4, 0u);
    EXPECT_LE(part.bytes, max_part_bytes);
    next += part.rows;
    std::vector<uint32_t> words(part.bytes / 4, 0xDEADBEEF);
    const uint8_t* const first = file.data() + static_cast<uint64_t>(part.row_begin) * stride;
    const int64_t half = part.rows / 2;  // in two calls, the later rows first
    layout.Fill(part, half, part.rows - half, first + static_cast<uint64_t>(half) * stride, stride, words.data());
    layout.Fill(part, 0, half, first, stride, words.data());
    for (int64_t r = 0; r < part.rows; ++r) {
      packing.decode(first + static_cast<uint64_t>(r) * stride, cols / packing.block_elems, want.data());
      for (int64_t u = 0; u < layout.row_units; ++u) {
        const auto at = static_cast<uint64_t>(r * layout.row_units + u);
        Unit unit{words.data() + at * format->quant_words};
        if (format->scales) unit.scale = words[part.scales_word + at / 2] >> (at % 2 * 16) & 0xffff;
        if (format->super_units > 0) unit.super = words[part.supers_word + at / format->super_units];
        for (uint32_t i = 0; i < format->unit_elems; ++i) {
          const int64_t col = u * format->unit_elems + i;
          ASSERT_EQ(Decode(name, unit, i), col < cols ? want[col] : 0.0f) << "row " << r << " column " << col;
        }
      }
    }
  }
  EXPECT_EQ(next, rows);
}

TEST(Weights, PlainRows) {
  for (const char* name : {"f32", "f16", "bf16"}) {
    RoundTrip(name, 5, 64, 1 << 20, 1);
    RoundTrip(name, 7, 515, 1 << 20, 1);
    RoundTrip(name, 3, 1, 1 << 20, 1);
  }
  RoundTrip("f32", 7, 33, 3 * 5 * 32 + 48, 3);  // rows of 5 units of 32 bytes
}

TEST(Weights, Blocks) {
  for (const char* name : {"q8_0", "q4_0", "mxfp4"}) {
    RoundTrip(name, 5, 96, 1 << 20, 1);  // an odd number of units a row: rows share words of scales
    RoundTrip(name, 4, 32, 1 << 20, 1);
  }
  for (const char* name : {"q4_k", "q6_k"}) {
    RoundTrip(name, 3, 256, 1 << 20, 1);
    RoundTrip(name, 5, 768, 1 << 20, 1);
  }
}

TEST(Weights, Parts) {
  RoundTrip("q8_0", 7, 96, 256, 4);                // 2 rows: 192 bytes of quants, 12 of scales
  RoundTrip("q4_k", 9, 512, 3 * 2 * 148 + 48, 3);  // 3 rows, whose planes end off their alignment
  RoundTrip("q6_k", 9, 256, 1024, 3);
  RoundTrip("q4_0", 1, 4096, 4096, 1);
}

TEST(Weights, NoRows) {
  const WeightLayout layout = WeightLayout::Make(*FindFormat("q8_0"), 0, 64, 1 << 20);
  ASSERT_EQ(layout.parts.size(), 1u);
  EXPECT_EQ(layout.parts[0].rows, 0);
  EXPECT_EQ(layout.parts[0].bytes, 16u);
}

TEST(Weights, UnknownPacking) {
  EXPECT_EQ(FindFormat("i32"), nullptr);
  EXPECT_EQ(FindFormat(""), nullptr);
}

}  // namespace
}  // namespace concord::gpu
