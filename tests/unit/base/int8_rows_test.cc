#include "runtime/base/packing/int8_rows.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>

namespace concord::packing {
namespace {

using Group = std::array<float, 32>;
struct Rounded {
  float scale;
  std::array<int8_t, 32> q;
};
Rounded Round(const Group& x, int64_t group = kInt8Group) {
  Rounded r = {};
  r.scale = RoundInt8Group(x.data(), 32, group, r.q.data());
  return r;
}

TEST(Int8Rows, ScalesOf32ArePowersOfTwoThatLeaveSevenBits) {
  std::mt19937 rng(1);
  std::normal_distribution<float> values;
  for (int round = 0; round < 500; ++round) {
    Group x;
    for (float& v : x) v = std::ldexp(values(rng), round % 160 - 80);
    const Rounded r = Round(x);
    int exponent = 0, most = 0;
    EXPECT_EQ(std::frexp(r.scale, &exponent), 0.5f);
    for (size_t i = 0; i < x.size(); ++i) {
      const double steps = double{x[i]} / r.scale;
      EXPECT_LT(std::fabs(steps), 128);
      EXPECT_LE(std::fabs(steps - r.q[i]), std::abs(r.q[i]) == 127 ? 1 : 0.5);
      most = std::max(most, std::abs(r.q[i]));
    }
    EXPECT_GE(most, 64);
  }
}

TEST(Int8Rows, HalvesGoToTheEvenNeighbourAndTheLargestStaysWithin127) {
  const Rounded r = Round({1.999f, -1.999f, 1.0f, 0.5f / 64, 1.5f / 64, -2.5f / 64});
  EXPECT_EQ(r.scale, 1.0f / 64);
  EXPECT_EQ(std::vector<int>(r.q.begin(), r.q.begin() + 6), (std::vector<int>{127, -127, 64, 0, 2, -2}));
}

TEST(Int8Rows, ZerosAndTheTiniestHaveTheLeastScale) {
  EXPECT_EQ(Round({}).scale, 0x1p-96f);
  const Rounded r = Round({1e-40f, -0x1p-90f});
  EXPECT_EQ(r.scale, 0x1p-96f);
  EXPECT_EQ(r.q[0], 0);
  EXPECT_EQ(r.q[1], -64);
  EXPECT_EQ(Round({3e38f}).scale, 0x1p121f);
}

TEST(Int8Rows, ScalesOf256TakeTheLargestTo127) {
  const Rounded r = Round({254.0f, -3.0f}, kInt8BlockGroup);
  EXPECT_EQ(r.scale, 2.0f);
  EXPECT_EQ(r.q[0], 127);
  EXPECT_EQ(r.q[1], -2);
  EXPECT_EQ(Round({}, kInt8BlockGroup).scale, 0.0f);
}

}  // namespace
}  // namespace concord::packing
