#include "kernels/cpu/linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <new>
#include <stdexcept>

#include "kernels/cpu/quantized_rows.h"
#include "tests/unit/kernels/linear_testing.h"

namespace concord::kernels {
namespace {

std::string CaseName(const testing::TestParamInfo<Case>& info) {
  return info.param.packing + (info.param.arithmetic[0] == 'i' ? "_int8" : "_f32");
}

class LinearTest : public testing::TestWithParam<Case> {
 protected:
  // A k that is whole blocks, with a tail of chunks and lanes where the packing allows one.
  int64_t SomeK(std::mt19937& rng) const {
    const int64_t elems = packing::Find(GetParam().packing.c_str())->block_elems;
    return elems == 1 ? 1 + static_cast<int64_t>(rng() % 300)
                      : elems * (1 + static_cast<int64_t>(rng() % 5) * (elems == 32 ? 3 : 1));
  }
  Problem Make(uint32_t seed, int64_t n, int64_t k, int64_t m) const {
    return Problem(seed, GetParam().packing.c_str(), GetParam().arithmetic, n, k, m);
  }
};

TEST_P(LinearTest, AgreesWithFloat64) {
  std::mt19937 rng(1);
  for (int round = 0; round < 6; ++round) {
    const Problem p = Make(rng(), 1 + rng() % 70, SomeK(rng), 1 + rng() % 15);
    const bool with_bias = round % 2 == 1;
    for (Isa isa : SupportedIsas()) {
      const std::vector<float> y = p.RunWhole(isa, with_bias);
      for (int64_t i = 0; i < p.m; ++i) {
        for (int64_t j = 0; j < p.n + 5; ++j) {
          const float got = y[static_cast<size_t>(i * (p.n + 5) + j)];
          if (j >= p.n) {
            ASSERT_EQ(got, kGuard);
            continue;
          }
          const double bias = with_bias ? p.bias[static_cast<size_t>(j)] : 0.0;
          const Exact exact = p.ExactOf(i, j);
          ASSERT_NEAR(got, exact.value + bias, 4e-6 * (exact.size + std::fabs(bias)) + 1e-30)
              << IsaName(isa) << " n " << j << " m " << i << " k " << p.k;
        }
      }
    }
  }
}

TEST_P(LinearTest, EveryIsaGivesTheSameBits) {
  std::mt19937 rng(2);
  const Problem p = Make(rng(), 37, SomeK(rng), 30);
  const std::vector<float> want = p.RunWhole(Isa::kPortable, true);
  for (Isa isa : SupportedIsas()) {
    const std::vector<float> y = p.RunWhole(isa, true);
    ASSERT_EQ(std::memcmp(y.data(), want.data(), y.size() * 4), 0) << IsaName(isa);
  }
}

TEST_P(LinearTest, BitsDoNotDependOnTheTile) {
  std::mt19937 rng(3);
  const Problem p = Make(rng(), 83, SomeK(rng), 30);
  for (Isa isa : SupportedIsas()) {
    const std::vector<float> want = p.RunWhole(isa, false);
    std::vector<float> y;
    LinearTile all = p.Tile(&y);
    for (int64_t n = 0; n < p.n;) {
      const int64_t n_end = std::min<int64_t>(p.n, n + 1 + static_cast<int64_t>(rng() % 40));
      for (int64_t m = 0; m < p.m;) {
        const int64_t m_end = std::min<int64_t>(p.m, m + 1 + static_cast<int64_t>(rng() % 9));
        LinearTile tile = all;
        tile.n_begin = n;
        tile.n_end = n_end;
        tile.m_begin = m;
        tile.m_end = m_end;
        p.Run(isa, tile);
        m = m_end;
      }
      n = n_end;
    }
    ASSERT_EQ(std::memcmp(y.data(), want.data(), y.size() * 4), 0) << IsaName(isa);
  }
}

TEST_P(LinearTest, ManyRowsGiveTheBitsOfOne) {
  std::mt19937 rng(4);
  const Problem p = Make(rng(), 33, SomeK(rng), 530);
  for (Isa isa : SupportedIsas()) {
    if (isa == Isa::kPortable) continue;  // the same code, and slow
    const std::vector<float> want = p.RunWhole(isa, false);
    std::vector<float> y;
    LinearTile all = p.Tile(&y);
    for (int64_t m : {int64_t{0}, int64_t{1}, int64_t{511}, int64_t{512}, p.m - 1}) {
      LinearTile tile = all;
      tile.m_begin = m;
      tile.m_end = m + 1;
      p.Run(isa, tile);
      ASSERT_EQ(
          std::memcmp(y.data() + m * tile.y_stride, want.data() + m * tile.y_stride, static_cast<size_t>(p.n) * 4), 0)
          << IsaName(isa) << " row " << m;
    }
  }
}

// Rows by number, as experts take them: some twice, into places of another order.
TEST_P(LinearTest, NumberedRowsGiveTheBitsOfThoseRows) {
  std::mt19937 rng(8);
  const Problem p = Make(rng(), 35, SomeK(rng), 11);
  const std::vector<int32_t> from = {99, 7, 0, 3, 3, 10, 1, 5, 99}, to = {99, 2, 9, 0, 10, 4, 1, 7, 99};
  for (Isa isa : SupportedIsas()) {
    const std::vector<float> want = p.RunWhole(isa, true);
    for (int64_t end : {2, 3, 8}) {  // one row, two, and seven
      std::vector<float> y, expected;
      LinearTile tile = p.Tile(&expected);
      tile = p.Tile(&y);
      tile.bias = p.bias.data();
      tile.m_begin = 1;
      tile.m_end = end;
      tile.x_rows = from.data();
      tile.y_rows = to.data();
      p.Run(isa, tile);
      for (int64_t m = 1; m < end; ++m) {
        std::copy_n(want.begin() + from[m] * tile.y_stride, p.n, expected.begin() + to[m] * tile.y_stride);
      }
      ASSERT_EQ(std::memcmp(y.data(), expected.data(), y.size() * 4), 0) << IsaName(isa) << " " << end;
    }
  }
}

class LinearInt8Test : public LinearTest {};

// A copy of bytes that ends where memory ends that may be read.
class Guarded {
 public:
  explicit Guarded(const void* bytes, size_t size) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    mapped_ = (size + page - 1) / page * page + page;
    map_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map_ == MAP_FAILED) throw std::bad_alloc();
    char* const end = static_cast<char*>(map_) + mapped_ - page;
    data_ = std::memcpy(end - size, bytes, size);
    if (mprotect(end, page, PROT_NONE) != 0) throw std::runtime_error("mprotect");
  }
  ~Guarded() { munmap(map_, mapped_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  const void* data() const { return data_; }

 private:
  size_t mapped_;
  void *map_, *data_;
};

TEST_P(LinearInt8Test, ReadsNothingBehindItsOperands) {
  const int64_t block = packing::Find(GetParam().packing.c_str())->block_elems;
  for (const int64_t blocks : {1, 3, 11}) {
    for (const int64_t m : {1, 7, 32}) {
      const Problem p = Make(13, 35, block * blocks, m);
      const Guarded x(p.records.data(), p.records.size());
      const size_t bytes = static_cast<size_t>((p.n - 1) * p.row_stride + p.row_bytes);
      const Guarded weights(p.weights.data() + 1, bytes);
      for (Isa isa : SupportedIsas()) {
        std::vector<float> y;
        LinearTile tile = p.Tile(&y);
        tile.x = x.data();
        tile.weights = weights.data();
        p.Run(isa, tile);
        ASSERT_EQ(std::memcmp(y.data(), p.RunWhole(isa, false).data(), y.size() * 4), 0) << IsaName(isa);
      }
    }
  }
}

// Sums of blocks of 256 are whole numbers beyond those that every float can be.
TEST_P(LinearInt8Test, LargestSumsGiveTheSameBitsAndAreRight) {
  Problem p = Make(12, 9, 512, 30);
  p.MakeLargest();
  const std::vector<float> want = p.RunWhole(Isa::kPortable, false);
  for (Isa isa : SupportedIsas()) {
    const std::vector<float> y = p.RunWhole(isa, false);
    ASSERT_EQ(std::memcmp(y.data(), want.data(), y.size() * 4), 0) << IsaName(isa);
  }
  for (int64_t i = 0; i < p.m * p.n; ++i) {
    const int64_t row = i / p.n, j = i % p.n;
    const Exact exact = p.ExactOf(row, j);
    ASSERT_NEAR(want[static_cast<size_t>(row * (p.n + 5) + j)], exact.value, 4e-6 * exact.size)
        << "m " << row << " n " << j;
  }
}

TEST_P(LinearTest, EmptyTilesWriteNothing) {
  const Problem p = Make(5, 8, 256, 2);
  for (Isa isa : SupportedIsas()) {
    std::vector<float> y;
    LinearTile tile = p.Tile(&y);
    tile.m_end = 0;
    p.Run(isa, tile);
    tile.m_end = 2;
    tile.n_end = 0;
    p.Run(isa, tile);
    EXPECT_THAT(y, testing::Each(kGuard));
  }
}

TEST_P(LinearTest, ValuesThatAreNotFiniteShowInTheirRowOnly) {
  Problem p = Make(6, 20, 256, 3);
  p.x[static_cast<size_t>(p.k + 7)] = std::nanf("");
  p.x[static_cast<size_t>(2 * p.k + 40)] = INFINITY;
  p.Refresh();
  for (Isa isa : SupportedIsas()) {
    const std::vector<float> y = p.RunWhole(isa, false);
    for (int64_t j = 0; j < p.n; ++j) {
      ASSERT_TRUE(std::isfinite(y[static_cast<size_t>(j)]));
      ASSERT_TRUE(std::isnan(y[static_cast<size_t>(p.n + 5 + j)]));
      ASSERT_FALSE(std::isfinite(y[static_cast<size_t>(2 * (p.n + 5) + j)]));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Packings, LinearTest, testing::ValuesIn(Cases()), CaseName);
INSTANTIATE_TEST_SUITE_P(Packings, LinearInt8Test, testing::ValuesIn(Int8Cases()), CaseName);

// A product next to half a step of what it is added to: whoever rounds it, or the sum, in between is wrong. Lane 0 of
// the sums gets w[0] x[0] first, here c, and w[16] x[16] to that.
TEST(LinearF32, ProductAndSumAreRoundedOnce) {
  constexpr int64_t kRows = 500, kK = 17;
  const float b = 1 - 0x1p-20f;
  std::mt19937 rng(11);
  for (const int64_t m : {1, 20}) {
    Problem p(3, "f32", "f32", kRows, kK, m);
    std::fill(p.x.begin(), p.x.end(), 0.0f);
    for (int64_t i = 0; i < m; ++i) {
      p.x[static_cast<size_t>(i * kK)] = 1;
      p.x[static_cast<size_t>(i * kK + 16)] = b;
    }
    std::vector<float> want(kRows);
    for (int64_t r = 0; r < kRows; ++r) {
      // Down to where the sums are subnormal, up to where they leave the range.
      const int exponent = r % 5 == 0 ? -130 : r % 5 == 1 ? 127 : static_cast<int>(rng() % 200) - 100;
      const float c = std::ldexp(1 + static_cast<float>(rng() % (1 << 23)) * 0x1p-23f, exponent);
      const float a = std::ldexp((rng() % 2 == 0 ? 1 : -1) * (1 + 0x1p-20f), exponent - 24);
      std::vector<float> w(kK);
      w[0] = rng() % 2 == 0 ? c : -c;
      w[16] = a;
      std::memcpy(p.weights.data() + 1 + r * p.row_stride, w.data(), kK * sizeof(float));
      want[static_cast<size_t>(r)] = std::fma(a, b, w[0]);
    }
    for (Isa isa : SupportedIsas()) {
      const std::vector<float> y = p.RunWhole(isa, false);
      for (int64_t i = 0; i < m; ++i) {
        const auto row = y.begin() + i * (kRows + 5);
        ASSERT_THAT(std::vector<float>(row, row + kRows), testing::ElementsAreArray(want)) << IsaName(isa);
      }
    }
  }
}

// Of the arithmetics that every machine has.
std::vector<std::string> CommonKernels(Isa isa) {
  int32_t count = 0;
  const LinearKernel* kernels = LinearKernels(isa, &count);
  std::vector<std::string> names;
  for (int32_t i = 0; i < count; ++i) {
    const std::string arithmetic = kernels[i].arithmetic;
    if (arithmetic == "f32" || packing::Int8GroupOf(arithmetic) > 0)
      names.push_back(kernels[i].packing + ("/" + arithmetic));
  }
  return names;
}

TEST(LinearList, HoldsTheSameInEveryIsa) {
  const std::vector<std::string> want = CommonKernels(Isa::kPortable);
  ASSERT_GT(want.size(), 10u);
  for (Isa isa : SupportedIsas()) EXPECT_EQ(CommonKernels(isa), want) << IsaName(isa);
  EXPECT_EQ(FindLinear("q4_k", "bf16"), nullptr);
  EXPECT_EQ(FindLinear("f32", "int8/32"), nullptr);
  EXPECT_STREQ(FindLinear("no such packing", "f32")->packing, "*");
}

// Backends ask for their most rows and run with any number.
TEST(LinearList, ScratchForManyRowsIsEnoughForFew) {
  for (Isa isa : SupportedIsas()) {
    int32_t count = 0;
    const LinearKernel* kernels = LinearKernels(isa, &count);
    for (int32_t i = 0; i < count; ++i) {
      for (const int64_t k : {256, 2048, 14336}) {
        int64_t most = 0;
        for (int64_t m = 1; m <= 600; m += 1 + m / 9) {
          const int64_t bytes = kernels[i].scratch_bytes(k, m);
          EXPECT_GE(bytes, most) << kernels[i].packing << " on " << IsaName(isa) << ", " << m << " rows of " << k;
          most = bytes;
        }
      }
    }
  }
}

// What a record says beside its bytes: sums of `elems` elements from `at` on, each a T.
template <typename T>
std::vector<int64_t> SumsAt(const std::vector<uint8_t>& record, int64_t k, int64_t at, int64_t elems) {
  std::vector<T> stored(static_cast<size_t>(k / elems));
  std::memcpy(stored.data(), record.data() + at, stored.size() * sizeof(T));
  return {stored.begin(), stored.end()};
}
std::vector<int64_t> SumsOf(const std::vector<uint8_t>& record, int64_t k, int64_t elems, int64_t sign) {
  std::vector<int64_t> sums(static_cast<size_t>(k / elems));
  for (int64_t i = 0; i < k; ++i) {
    sums[static_cast<size_t>(i / elems)] += sign * static_cast<int8_t>(record[static_cast<size_t>(i)]);
  }
  return sums;
}
void ExpectSums(RowsOf32, const std::vector<uint8_t>& record, int64_t k) {
  EXPECT_EQ(SumsAt<int32_t>(record, k, RowsOf32::NegSum(k), 32), SumsOf(record, k, 32, -1));
}
void ExpectSums(RowsOf256, const std::vector<uint8_t>& record, int64_t k) {
  EXPECT_EQ(SumsAt<int32_t>(record, k, RowsOf256::NegSum(k), 32), SumsOf(record, k, 32, -1));
  EXPECT_EQ(SumsAt<int32_t>(record, k, RowsOf256::NegSum16(k), 16), SumsOf(record, k, 16, -1));
  EXPECT_EQ(SumsAt<int16_t>(record, k, RowsOf256::Sum(k), 32), SumsOf(record, k, 32, 1));
  EXPECT_EQ(SumsAt<int16_t>(record, k, RowsOf256::Sum16(k), 16), SumsOf(record, k, 16, 1));
}

template <typename Rows>
class QuantizeRows : public testing::Test {};
using RecordKinds = testing::Types<RowsOf32, RowsOf256>;
TYPED_TEST_SUITE(QuantizeRows, RecordKinds);

TYPED_TEST(QuantizeRows, EveryIsaGivesTheSameRecordAndItIsNear) {
  constexpr int64_t kGroup = TypeParam::kGroup;
  const char* packing = kGroup == 32 ? "q8_0" : "q4_k";
  const char* arithmetic = kGroup == 32 ? "int8/32" : "int8/256";
  std::mt19937 rng(7);
  const int64_t k = kGroup * 37;
  std::vector<float> x = RandomFloats(rng, k, 3.0f);
  const auto group = [&](int64_t g) { return x.begin() + g * kGroup; };
  std::fill(group(0), group(1), 0.0f);
  for (auto v = group(1); v != group(2); ++v) *v *= 1e-33f;
  for (auto v = group(2); v != group(3); ++v) *v *= 1e37f;
  *group(3) = 127.0f;
  for (int64_t i = 1; i < kGroup; ++i) group(3)[i] = static_cast<float>(i % 31 - 15) + 0.5f;  // ties
  std::vector<uint8_t> want(static_cast<size_t>(TypeParam::Bytes(k)));
  for (Isa isa : SupportedIsas()) {
    const LinearKernel* kernel = FindLinear(packing, arithmetic, isa);
    ASSERT_NE(kernel, nullptr);
    ASSERT_EQ(kernel->x_row_bytes(k), TypeParam::Bytes(k));
    std::vector<uint8_t> got(want.size());
    kernel->make_rows(x.data(), k, 1, k, got.data());
    if (isa == Isa::kPortable) want = got;
    EXPECT_EQ(got, want) << IsaName(isa);
  }
  for (int64_t i = 2 * kGroup; i < k; ++i) {
    float scale;
    std::memcpy(&scale, want.data() + TypeParam::Scale(k) + i / kGroup * 4, 4);
    EXPECT_LE(std::fabs(double{x[static_cast<size_t>(i)]} -
                        double{scale} * static_cast<int8_t>(want[static_cast<size_t>(i)])),
              0.50001 * double{scale});
  }
  for (int64_t i = 3 * kGroup + 1; i < 4 * kGroup; ++i) {  // the scale is 1
    EXPECT_EQ(static_cast<int8_t>(want[static_cast<size_t>(i)]), std::nearbyint(x[static_cast<size_t>(i)]));
  }
  ExpectSums(TypeParam{}, want, k);
}

}  // namespace
}  // namespace concord::kernels
