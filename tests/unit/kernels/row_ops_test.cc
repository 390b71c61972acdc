#include "kernels/cpu/row_ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "kernels/cpu/kernel_table.h"
#include "tests/unit/kernels/kernel_testing.h"
#include "tests/unit/kernels/row_references.h"

namespace concord::kernels {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::nanf("");

class RowOpsTest : public testing::TestWithParam<Isa> {
 protected:
  const KernelTable& kernels_ = Kernels(GetParam());
  std::mt19937 rng_{11};
};

struct NormCase {
  int64_t width, rows;
  bool weight, bias, in_place;
  float offset;
};

// Runs a norm over rows that lie 3 floats apart.
void CheckNorm(void (*norm)(const NormArgs&), bool centred, bool mean_of_squares, std::mt19937& rng,
               const NormCase& c) {
  const int64_t stride = c.width + 3;
  const std::vector<float> x = RandomFloats(rng, c.rows * stride, 4.0f);
  const std::vector<float> weight = RandomFloats(rng, c.width);
  const std::vector<float> bias = RandomFloats(rng, c.width);
  std::vector<float> y = c.in_place ? x : std::vector<float>(x.size(), 77.0f);
  NormArgs args;
  args.x = c.in_place ? y.data() : x.data();
  args.y = y.data();
  args.x_stride = args.y_stride = stride;
  args.n_rows = c.rows;
  args.width = c.width;
  args.weight = c.weight ? weight.data() : nullptr;
  args.bias = c.bias ? bias.data() : nullptr;
  args.weight_offset = c.offset;
  args.eps = 1e-5f;
  norm(args);
  args.x = x.data();
  for (int64_t r = 0; r < c.rows; ++r) {
    const std::vector<double> want = NormRef(args, r, centred, mean_of_squares);
    for (int64_t i = 0; i < stride; ++i) {
      const float got = y[static_cast<size_t>(r * stride + i)];
      if (i >= c.width) {
        ASSERT_EQ(got, c.in_place ? x[static_cast<size_t>(r * stride + i)] : 77.0f);
        continue;
      }
      const double value = want[static_cast<size_t>(i)];
      ASSERT_NEAR(got, value, 3e-6 * (std::fabs(value) + 1)) << "row " << r << " at " << i;
    }
  }
}

TEST_P(RowOpsTest, Norms) {
  for (int64_t width : {1, 7, 16, 33, 64, 129, 2048, 4097}) {
    for (bool in_place : {false, true}) {
      CheckNorm(kernels_.rms_norm, false, true, rng_, {width, 3, true, false, in_place, 0.0f});
      CheckNorm(kernels_.rms_norm, false, true, rng_, {width, 2, true, false, in_place, 1.0f});
      CheckNorm(kernels_.rms_norm, false, true, rng_, {width, 2, false, false, in_place, 0.0f});
      CheckNorm(kernels_.l2_norm, false, false, rng_, {width, 2, false, false, in_place, 0.0f});
      CheckNorm(kernels_.layer_norm, true, true, rng_, {width, 3, true, true, in_place, 0.0f});
    }
  }
}

TEST_P(RowOpsTest, UnaryFunctionsOverTheirRange) {
  for (const UnaryCase& c : UnaryCases()) {
    std::uniform_real_distribution<float> uniform(static_cast<float>(c.from), static_cast<float>(c.to));
    for (int64_t n : {1, 15, 16, 4099}) {
      std::vector<float> x(static_cast<size_t>(n)), y(static_cast<size_t>(n) + 1, 5.0f);
      for (float& v : x) v = uniform(rng_) * (rng_() % 4 == 0 ? 1e-3f : 1.0f);
      kernels_.unary(c.op, x.data(), y.data(), n);
      for (size_t i = 0; i < x.size(); ++i) {
        const double want = c.reference(x[i]);
        ASSERT_NEAR(y[i], want, c.relative * std::fabs(want) + 1.5e-45) << static_cast<int>(c.op) << " of " << x[i];
      }
      ASSERT_EQ(y.back(), 5.0f);
      std::vector<float> in_place = x;
      kernels_.unary(c.op, in_place.data(), in_place.data(), n);
      ASSERT_EQ(std::memcmp(in_place.data(), y.data(), x.size() * 4), 0);
    }
  }
}

TEST_P(RowOpsTest, UnaryExtremes) {
  const float x[] = {-kInf, -1e38f, -200.0f, -0.0f, 0.0f, 200.0f, 1e38f, kInf, kNan};
  float y[9];
  const auto run = [&](Unary op) { kernels_.unary(op, x, y, 9); };
  run(Unary::kExp);
  for (int i : {0, 1, 2}) EXPECT_EQ(y[i], 0.0f);
  EXPECT_EQ(y[3], 1.0f);
  for (int i : {5, 6, 7}) EXPECT_EQ(y[i], kInf);
  EXPECT_TRUE(std::isnan(y[8]));
  run(Unary::kTanh);
  for (int i : {0, 1, 2}) EXPECT_EQ(y[i], -1.0f);
  for (int i : {5, 6, 7}) EXPECT_EQ(y[i], 1.0f);
  EXPECT_TRUE(std::isnan(y[8]));
  run(Unary::kSigmoid);
  for (int i : {0, 1, 2}) EXPECT_EQ(y[i], 0.0f);
  EXPECT_EQ(y[4], 0.5f);
  for (int i : {5, 6, 7}) EXPECT_EQ(y[i], 1.0f);
  EXPECT_TRUE(std::isnan(y[8]));
  run(Unary::kSilu);
  for (int i : {1, 2, 3}) EXPECT_EQ(y[i], 0.0f);
  EXPECT_EQ(y[6], 1e38f);
  EXPECT_TRUE(std::isnan(y[8]));
  run(Unary::kRelu);
  for (int i : {0, 1, 2, 3, 4}) EXPECT_EQ(y[i], 0.0f);
  EXPECT_EQ(y[7], kInf);
  EXPECT_TRUE(std::isnan(y[8]));
}

TEST_P(RowOpsTest, Glu) {
  for (GluAct act : {GluAct::kSilu, GluAct::kGeluTanh, GluAct::kOai}) {
    for (GluClamp clamp : {GluClamp::kNone, GluClamp::kBefore, GluClamp::kAfter}) {
      const int64_t rows = 3, width = 101, stride = 105;
      const std::vector<float> gate = RandomFloats(rng_, rows * stride, 2.0f);
      const std::vector<float> up = RandomFloats(rng_, rows * stride, 2.0f);
      std::vector<float> y(static_cast<size_t>(rows * stride), 9.0f);
      GluArgs args;
      args.gate = gate.data();
      args.up = up.data();
      args.y = y.data();
      args.gate_stride = args.up_stride = args.y_stride = stride;
      args.n_rows = rows;
      args.width = width;
      args.act = act;
      args.clamp = clamp;
      args.limit = 0.8f;
      args.alpha = 1.702f;
      args.plus_one = act == GluAct::kOai ? 1.0f : 0.0f;
      kernels_.glu(args);
      for (size_t i = 0; i < y.size(); ++i) {
        if (static_cast<int64_t>(i) % stride >= width) {
          ASSERT_EQ(y[i], 9.0f);
        } else {
          const double want = GluRef(args, gate[i], up[i]);
          ASSERT_NEAR(y[i], want, 4e-6 * std::fabs(want) + 1e-6);
        }
      }
    }
  }
}

TEST_P(RowOpsTest, AddMulScaleSoftmaxLogitsPost) {
  for (int64_t n : {1, 16, 77}) {
    const std::vector<float> a = RandomFloats(rng_, n), b = RandomFloats(rng_, n);
    std::vector<float> y(a.size());
    kernels_.add(a.data(), b.data(), y.data(), n);
    for (size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], a[i] + b[i]);
    kernels_.mul(a.data(), b.data(), y.data(), n);
    for (size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], a[i] * b[i]);
    kernels_.scale(a.data(), 0.3f, y.data(), n);
    for (size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], a[i] * 0.3f);
    kernels_.logits_post(a.data(), 0.3f, 2.0f, y.data(), n);
    for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], 2 * std::tanh(double{a[i]} * double{0.3f} / 2), 1e-6);
    kernels_.softmax(a.data(), y.data(), n);
    double sum = 0;
    for (float v : a) sum += std::exp(double{v});
    for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], std::exp(double{a[i]}) / sum, 1e-6);
  }
}

TEST_P(RowOpsTest, WeightedSum) {
  for (int64_t width : {1, 16, 77}) {
    for (int64_t k : {0, 1, 8}) {
      const std::vector<float> x = RandomFloats(rng_, std::max<int64_t>(1, k * (width + 3))), w = RandomFloats(rng_, 8);
      std::vector<float> y(static_cast<size_t>(width) + 1, 77.0f);
      kernels_.weighted_sum(
          {.x = x.data(), .x_stride = width + 3, .weights = w.data(), .k = k, .y = y.data(), .width = width});
      for (int64_t i = 0; i < width; ++i) {
        double want = 0;
        for (int64_t j = 0; j < k; ++j) want += double{w[j]} * double{x[j * (width + 3) + i]};
        ASSERT_NEAR(y[i], want, 1e-6);
      }
      ASSERT_EQ(y[width], 77.0f);
    }
  }
}

TEST_P(RowOpsTest, ArgMax) {
  EXPECT_EQ(kernels_.argmax(nullptr, 0), -1);
  for (int64_t n : {1, 15, 16, 63, 64, 65, 2047, 2048, 2049, 5000, 128256}) {
    std::vector<float> x = RandomFloats(rng_, n);
    for (float& v : x) v = std::min(v, 3.0f);  // ties for large n
    ASSERT_EQ(kernels_.argmax(x.data(), n), std::max_element(x.begin(), x.end()) - x.begin());
    const size_t at = rng_() % x.size();
    x[at] = kNan;
    ASSERT_NE(kernels_.argmax(x.data(), n), static_cast<int64_t>(at));
    x[at] = kInf;
    ASSERT_EQ(kernels_.argmax(x.data(), n), static_cast<int64_t>(at));
    std::fill(x.begin(), x.end(), -kInf);
    ASSERT_EQ(kernels_.argmax(x.data(), n), 0);
    std::fill(x.begin(), x.end(), kNan);
    ASSERT_EQ(kernels_.argmax(x.data(), n), -1);
    x.back() = -kInf;
    ASSERT_EQ(kernels_.argmax(x.data(), n), n - 1);
  }
}

TEST_P(RowOpsTest, DecodeRowIsTheDecoderOfThePacking) {
  int32_t count = 0;
  const packing::Packing* const* all = packing::All(&count);
  for (int32_t p = 0; p < count; ++p) {
    const int64_t k = all[p]->block_elems * (all[p]->block_elems == 1 ? 77 : 3);
    const std::vector<uint8_t> row = RandomBlocks(rng_, *all[p], k);
    std::vector<float> want(static_cast<size_t>(k)), got(want.size());
    all[p]->decode(row.data(), k / all[p]->block_elems, want.data());
    kernels_.decode_row(*all[p], row.data(), k, got.data());
    ASSERT_EQ(std::memcmp(got.data(), want.data(), want.size() * 4), 0) << all[p]->name;
  }
}

TEST_P(RowOpsTest, DecodeRowOfEveryHalf) {
  std::vector<uint16_t> row(65536);
  for (size_t i = 0; i < row.size(); ++i) row[i] = static_cast<uint16_t>(i);
  for (const char* name : {"f16", "bf16"}) {
    std::vector<float> got(row.size());
    kernels_.decode_row(*packing::Find(name), row.data(), 65536, got.data());
    for (size_t i = 0; i < row.size(); ++i) {
      const float want = name[0] == 'f' ? packing::F16ToF32(row[i]) : packing::Bf16ToF32(row[i]);
      if (std::isnan(want)) {
        ASSERT_TRUE(std::isnan(got[i])) << i;
      } else {
        ASSERT_EQ(Bits(got[i]), Bits(want)) << name << " " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, RowOpsTest, testing::ValuesIn(SupportedIsas()),
                         [](const auto& info) { return std::string(IsaName(info.param)); });

TEST(Isa, BestIsSupported) {
  EXPECT_TRUE(IsaSupported(Isa::kPortable));
  EXPECT_TRUE(IsaSupported(BestIsa()));
  for (Isa isa : SupportedIsas()) EXPECT_EQ(Kernels(isa).isa, isa);
}

}  // namespace
}  // namespace concord::kernels
