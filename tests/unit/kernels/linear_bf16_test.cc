#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

#include "kernels/cpu/linear.h"
#include "kernels/cpu/rounded_rows.h"
#include "kernels/cpu/split_rows.h"
#include "tests/unit/kernels/emulated_tiles.h"
#include "tests/unit/kernels/kernel_testing.h"

// The arithmetics "bf16" and "f16" of machines that have them, against what their instructions are defined to do.
namespace concord::kernels {
namespace {

float FromBf16(uint16_t h) {
  const uint32_t bits = static_cast<uint32_t>(h) << 16;
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}
// Cut off and rest, for finite numbers.
std::pair<float, float> Parts(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const float high = FromBf16(static_cast<uint16_t>(bits >> 16));
  const float rest = x - high;
  std::memcpy(&bits, &rest, 4);
  return {high, FromBf16(static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16))};
}

float Rounded(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return FromBf16(static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16));
}
// The 16 sums of a register, from the 8 lanes that are 8 apart on.
float Tree(const float* sums) {
  float v[16];
  std::copy(sums, sums + 16, v);
  for (int step = 8; step > 0; step /= 2) {
    for (int i = 0; i < step; ++i) v[i] += v[i + step];
  }
  return v[0];
}

struct Kind {
  const char* type;
  Isa isa;
};
// The machine's; of tiles, where it has none, the emulated one. Null: neither.
const LinearKernel* KernelOf(const char* type, Isa isa) {
  if (IsaSupported(isa)) return FindLinear(type, type, isa);
  return isa == Isa::kAvx512Amx ? FindEmulatedTiles(type, type) : nullptr;
}

struct Problem {
  Problem(std::mt19937& rng, Kind kind, int64_t n_rows, int64_t n_cols, int64_t m_rows)
      : packing(packing::Find(kind.type)),
        n(n_rows),
        k(n_cols),
        m(m_rows),
        row_stride(2 * k + 2 * (rng() % 2)),
        isa(kind.isa) {
    weights.resize(static_cast<size_t>(n * row_stride + 1));
    decoded.resize(static_cast<size_t>(n * k));
    for (int64_t i = 0; i < n; ++i) {
      const std::vector<uint8_t> row = RandomBlocks(rng, *packing, k);
      std::memcpy(weights.data() + 1 + i * row_stride, row.data(), row.size());
      packing->decode(row.data(), k, decoded.data() + i * k);
    }
    x = RandomFloats(rng, m * k);
    bias = RandomFloats(rng, n);
    kernel = KernelOf(kind.type, isa);
    records.resize(static_cast<size_t>(m * kernel->x_row_bytes(k)));
    kernel->make_rows(x.data(), k, m, k, records.data());
  }

  LinearTile Tile(std::vector<float>* y) const {
    LinearTile tile;
    tile.packing = packing;
    tile.weights = weights.data() + 1;
    tile.row_stride_bytes = row_stride;
    tile.n_end = n;
    tile.k = k;
    tile.x = records.data();
    tile.x_stride_bytes = kernel->x_row_bytes(k);
    tile.m_end = m;
    tile.y_stride = n + 3;
    y->assign(static_cast<size_t>(m * tile.y_stride), 12345.0f);
    tile.y = y->data();
    tile.bias = bias.data();
    return tile;
  }
  void Run(LinearTile tile) const {
    Scratch scratch(kernel->scratch_bytes(k, tile.m_end - tile.m_begin));
    tile.scratch = scratch.get();
    kernel->run(tile);
  }

  // One instruction of the tile unit for one sum: even and odd products of 32 elements.
  static void AddStep(const float* a, const float* b, float* acc) {
    float even = 0, odd = 0;
    for (int64_t i = 0; i < 32; i += 2) {
      even = std::fmaf(a[i], b[i], even);
      odd = std::fmaf(a[i + 1], b[i + 1], odd);
    }
    *acc += even + odd;
  }
  // VDPBF16PS: the products of pairs, the odd one first. W of f16 is rounded too; of bf16 it stays what it is.
  float EmulatedPairs(int64_t row, int64_t out) const {
    float acc[16] = {};
    for (int64_t i = 0; i < k; i += 2) {
      float& sum = acc[i / 2 % 16];
      for (const int64_t at : {i + 1, i}) {
        sum = std::fmaf(Rounded(decoded[static_cast<size_t>(out * k + at)]),
                        Rounded(x[static_cast<size_t>(row * k + at)]), sum);
      }
    }
    return Tree(acc) + bias[static_cast<size_t>(out)];
  }
  float Emulated(int64_t row, int64_t out) const {
    if (isa == Isa::kAvx512Bf16) return EmulatedPairs(row, out);
    float acc = 0;
    for (int64_t k0 = 0; k0 < k; k0 += 32) {
      float w[2][32], v[2][32];
      for (int64_t i = 0; i < 32; ++i) {
        std::tie(w[0][i], w[1][i]) = Parts(decoded[static_cast<size_t>(out * k + k0 + i)]);
        std::tie(v[0][i], v[1][i]) = Parts(x[static_cast<size_t>(row * k + k0 + i)]);
      }
      AddStep(w[0], v[0], &acc);
      AddStep(w[0], v[1], &acc);
      if (std::strcmp(packing->name, "f16") == 0) AddStep(w[1], v[0], &acc);
    }
    return acc + bias[static_cast<size_t>(out)];
  }
  double Exact(int64_t row, int64_t out, double* magnitude) const {
    double sum = bias[static_cast<size_t>(out)];
    *magnitude = std::fabs(sum);
    for (int64_t i = 0; i < k; ++i) {
      const double term = double{decoded[static_cast<size_t>(out * k + i)]} * x[static_cast<size_t>(row * k + i)];
      sum += term;
      *magnitude += std::fabs(term);
    }
    return sum;
  }

  const packing::Packing* packing;
  int64_t n, k, m, row_stride;
  Isa isa;
  std::vector<uint8_t> weights, records;
  std::vector<float> decoded, x, bias;
  const LinearKernel* kernel;
};

class HalfLinearTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    const auto [type, isa] = GetParam();
    if (KernelOf(type, isa) == nullptr) {
      GTEST_SKIP() << (isa == Isa::kAvx512Amx ? kNoTiles : "this CPU has no AVX512-BF16");
    }
  }
};

TEST_P(HalfLinearTest, IsWhatTheInstructionIsDefinedToDo) {
  std::mt19937 rng(1);
  for (const int64_t m : {1, 2, 7, 16, 17, 31, 32, 33, 50}) {
    const Problem p(rng, GetParam(), 1 + rng() % 75, 32 * (1 + rng() % 19), m);
    std::vector<float> y;
    p.Run(p.Tile(&y));
    for (int64_t i = 0; i < p.m; ++i) {
      for (int64_t j = 0; j < p.n; ++j) {
        const float got = y[static_cast<size_t>(i * (p.n + 3) + j)];
        ASSERT_EQ(got, p.Emulated(i, j)) << "row " << i << " of " << p.m << ", output " << j << " of " << p.n << ", k "
                                         << p.k;
        double magnitude = 0;
        const double exact = p.Exact(i, j, &magnitude);
        // Two parts hold x to 2^-16 and f16 exactly; what is left out of a product is 2^-16 of it. Rounded x has 2^-9,
        // and so has rounded W.
        const double of_product = p.isa == Isa::kAvx512Bf16 ? 0x1.01p-8 : 0x1p-15;
        ASSERT_NEAR(got, exact, magnitude * (of_product + static_cast<double>(p.k) * 0x1p-24));
      }
      for (int64_t j = p.n; j < p.n + 3; ++j) ASSERT_EQ(y[static_cast<size_t>(i * (p.n + 3) + j)], 12345.0f);
    }
  }
}

TEST_P(HalfLinearTest, ARowIsTheSameAloneAndAmongOthers) {
  std::mt19937 rng(2);
  const Problem p(rng, GetParam(), 83, 544, 45);
  std::vector<float> whole, part;
  p.Run(p.Tile(&whole));
  for (int round = 0; round < 20; ++round) {
    LinearTile tile = p.Tile(&part);
    tile.m_begin = rng() % p.m;
    tile.m_end = tile.m_begin + 1 + rng() % (p.m - tile.m_begin);
    tile.n_begin = rng() % p.n;
    tile.n_end = tile.n_begin + 1 + rng() % (p.n - tile.n_begin);
    p.Run(tile);
    for (int64_t i = 0; i < p.m; ++i) {
      for (int64_t j = 0; j < p.n; ++j) {
        const bool inside = i >= tile.m_begin && i < tile.m_end && j >= tile.n_begin && j < tile.n_end;
        const auto at = static_cast<size_t>(i * tile.y_stride + j);
        ASSERT_EQ(part[at], inside ? whole[at] : 12345.0f);
      }
    }
  }
}

TEST_P(HalfLinearTest, RowsByNumber) {
  std::mt19937 rng(3);
  const Problem p(rng, GetParam(), 40, 288, 60);
  std::vector<float> whole, picked;
  p.Run(p.Tile(&whole));
  for (const int64_t count : {3, 16, 21, 48}) {
    std::vector<int32_t> from(static_cast<size_t>(count)), to(from.size());
    for (size_t i = 0; i < from.size(); ++i) {
      from[i] = static_cast<int32_t>(rng() % static_cast<uint32_t>(p.m));
      to[i] = static_cast<int32_t>(p.m - 1) - static_cast<int32_t>(i);
    }
    LinearTile tile = p.Tile(&picked);
    tile.m_end = count;
    tile.x_rows = from.data();
    tile.y_rows = to.data();
    p.Run(tile);
    for (size_t i = 0; i < from.size(); ++i) {
      for (int64_t j = 0; j < p.n; ++j) {
        ASSERT_EQ(picked[static_cast<size_t>(to[i] * tile.y_stride + j)],
                  whole[static_cast<size_t>(from[i] * tile.y_stride + j)]);
      }
    }
  }
}

TEST_P(HalfLinearTest, WhatIsNotFiniteShows) {
  std::mt19937 rng(4);
  Problem p(rng, GetParam(), 5, 64, 20);
  p.x[3 * 64 + 9] = std::numeric_limits<float>::infinity();
  p.x[4 * 64 + 9] = std::numeric_limits<float>::quiet_NaN();
  uint32_t payload_below = 0x7f800001u;  // a NaN that would be infinity if it were cut off
  std::memcpy(&p.x[5 * 64 + 9], &payload_below, 4);
  p.kernel->make_rows(p.x.data(), p.k, p.m, p.k, p.records.data());
  std::vector<float> y;
  p.Run(p.Tile(&y));
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      const float got = y[static_cast<size_t>(i * (p.n + 3) + j)];
      ASSERT_EQ(std::isfinite(got), i < 3 || i > 5) << i;
      if (i > 3 && i <= 5) {
        ASSERT_TRUE(std::isnan(got));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, HalfLinearTest,
                         testing::Values(Kind{"bf16", Isa::kAvx512Bf16}, Kind{"f16", Isa::kAvx512Bf16},
                                         Kind{"bf16", Isa::kAvx512Amx}, Kind{"f16", Isa::kAvx512Amx}),
                         [](const auto& info) { return std::string(info.param.type) + "_" + IsaName(info.param.isa); });

TEST(RoundedRowsTest, AreRoundedToNearestEven) {
  if (!IsaSupported(Isa::kAvx512Bf16)) GTEST_SKIP() << "no avx512bf16 on this machine";
  std::mt19937 rng(6);
  std::vector<float> x = RandomFloats(rng, 3 * 96);
  x[0] = 0;
  x[1] = -0.0f;
  x[2] = FromBf16(0x3f80) * (1 + 0x1p-8f);  // half way, to even
  x[3] = FromBf16(0x3f81) * 1.0f + 0x1p-8f;
  const LinearKernel* kernel = FindLinear("bf16", "bf16", Isa::kAvx512Bf16);
  std::vector<uint8_t> records(static_cast<size_t>(3 * RoundedRowBytes(96)));
  kernel->make_rows(x.data(), 96, 3, 96, records.data());
  for (int64_t i = 0; i < 3 * 96; ++i) {
    uint16_t got;
    std::memcpy(&got, &records[static_cast<size_t>(i / 96 * RoundedRowBytes(96) + i % 96 * 2)], 2);
    EXPECT_EQ(FromBf16(got), Rounded(x[static_cast<size_t>(i)])) << i;
  }
}

TEST(SplitRowsTest, OfMachinesWithTiles) {
  const LinearKernel* kernel = KernelOf("bf16", Isa::kAvx512Amx);
  if (kernel == nullptr) GTEST_SKIP() << kNoTiles;
  std::mt19937 rng(5);
  std::vector<float> x = RandomFloats(rng, 64);
  x[0] = 0;
  x[1] = -0.0f;
  x[2] = std::numeric_limits<float>::max();
  x[3] = std::numeric_limits<float>::denorm_min();
  std::vector<uint16_t> record(static_cast<size_t>(SplitRowBytes(64) / 2));
  kernel->make_rows(x.data(), 64, 1, 64, record.data());
  for (size_t i = 0; i < 64; ++i) {
    const auto [high, low] = Parts(x[i]);
    EXPECT_EQ(FromBf16(record[i]), high);
    EXPECT_EQ(FromBf16(record[64 + i]), low);
    EXPECT_LE(std::fabs(double{x[i]} - high - low), std::fabs(double{x[i]}) * 0x1p-16 + 0x1p-140);
  }
}

}  // namespace
}  // namespace concord::kernels
