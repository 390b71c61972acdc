#include "kernels/cpu/rope.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cpu/kernel_table.h"
#include "tests/unit/kernels/kernel_testing.h"
#include "tests/unit/kernels/row_references.h"

namespace concord::kernels {
namespace {

class RopeTest : public testing::TestWithParam<Isa> {
 protected:
  const KernelTable& kernels_ = Kernels(GetParam());
  std::mt19937 rng_{21};
};

TEST_P(RopeTest, TableIsRightForLargePositions) {
  for (int64_t n_pairs : {1, 3, 8, 32, 37}) {
    std::vector<float> inv(static_cast<size_t>(n_pairs));
    for (int64_t i = 0; i < n_pairs; ++i) {
      inv[static_cast<size_t>(i)] =
          static_cast<float>(std::pow(1e4, -static_cast<double>(i) / static_cast<double>(n_pairs)));
    }
    std::vector<int32_t> positions = {0, 1, 2, 3, 100, 4095, 131071, 999999, 1000000};
    for (int i = 0; i < 200; ++i) positions.push_back(static_cast<int32_t>(rng_() % 1000000));
    std::vector<float> out(positions.size() * static_cast<size_t>(2 * n_pairs));
    RopeTableArgs args;
    args.positions = positions.data();
    args.n_tokens = static_cast<int64_t>(positions.size());
    args.inv_freq = inv.data();
    args.n_pairs = n_pairs;
    args.attn_factor = 1.25f;
    args.out = out.data();
    kernels_.rope_table(args);
    for (size_t t = 0; t < positions.size(); ++t) {
      for (int64_t i = 0; i < n_pairs; ++i) {
        const double angle = double{inv[static_cast<size_t>(i)]} * positions[t];
        const float* row = out.data() + t * static_cast<size_t>(2 * n_pairs);
        ASSERT_NEAR(row[i], 1.25 * std::cos(angle), 1e-7) << positions[t] << " " << i;
        ASSERT_NEAR(row[n_pairs + i], 1.25 * std::sin(angle), 1e-7) << positions[t] << " " << i;
      }
    }
  }
}

struct Shape {
  int64_t d_head, n_rot, first;
};

TEST_P(RopeTest, RotatesPairsAndCopiesTheRest) {
  const Shape shapes[] = {{64, 64, 0},  {128, 128, 0},  {8, 8, 0},  {40, 40, 0},
                          {256, 64, 0}, {192, 64, 128}, {10, 6, 3}, {16, 0, 0}};
  for (const Shape& s : shapes) {
    for (bool neox : {false, true}) {
      const int64_t heads = 3, tokens = 5, stride = heads * s.d_head + 7;
      const std::vector<float> x = RandomFloats(rng_, tokens * stride);
      const std::vector<float> table = RandomFloats(rng_, tokens * s.n_rot);
      std::vector<float> y(x.size(), 4.0f), in_place = x;
      RopeArgs args;
      args.x = x.data();
      args.y = y.data();
      args.x_stride = args.y_stride = stride;
      args.n_tokens = tokens;
      args.n_heads = heads;
      args.d_head = s.d_head;
      args.n_rot = s.n_rot;
      args.first_dim = s.first;
      args.neox = neox;
      args.table = table.data();
      kernels_.rope(args);
      RopeArgs again = args;
      again.x = again.y = in_place.data();
      kernels_.rope(again);
      for (int64_t t = 0; t < tokens; ++t) {
        for (int64_t h = 0; h < heads; ++h) {
          const size_t at = static_cast<size_t>(t * stride + h * s.d_head);
          const std::vector<double> want = RopeRef(args, t, h);
          for (size_t i = 0; i < want.size(); ++i) {
            ASSERT_NEAR(y[at + i], want[i], 2e-6) << s.d_head << " " << neox << " " << i;
            ASSERT_EQ(Bits(in_place[at + i]), Bits(y[at + i]));
          }
        }
        for (int64_t i = heads * s.d_head; i < stride; ++i) ASSERT_EQ(y[static_cast<size_t>(t * stride + i)], 4.0f);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, RopeTest, testing::ValuesIn(SupportedIsas()),
                         [](const auto& info) { return std::string(IsaName(info.param)); });

}  // namespace
}  // namespace concord::kernels
