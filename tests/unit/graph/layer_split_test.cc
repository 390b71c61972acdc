#include "runtime/graph/layer_split.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "ops/core/op_case.h"

namespace concord::graph {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

SplitProblem::Device Uniform(size_t units, double seconds, double bytes, double free) {
  return {
      .seconds = std::vector<double>(units, seconds), .bytes = std::vector<double>(units, bytes), .free_bytes = free};
}

TEST(LayerSplit, OneFastDeviceThatHoldsAllIsBest) {
  SplitProblem p{.devices = {Uniform(10, 1, 1, 100), Uniform(10, 5, 1, 100)}};
  const auto splits = BestSplits(p);
  ASSERT_EQ(splits.size(), 2u);
  EXPECT_EQ(splits[0].device_of_unit, std::vector<int32_t>(10, 0));
  EXPECT_EQ(splits[0].seconds, 10);
  EXPECT_GT(splits[1].seconds, splits[0].seconds);
}

TEST(LayerSplit, AFastDeviceTakesWhatItHolds) {
  SplitProblem p{.devices = {Uniform(10, 1, 1, 7.5), Uniform(10, 5, 1, -1)}};
  p.devices[0].segment_bytes = 0.5;
  const auto splits = BestSplits(p);
  ASSERT_EQ(splits.size(), 2u);
  EXPECT_EQ(splits[0].seconds, 50);  // the slow one alone
  EXPECT_EQ(splits[1].seconds, 7 + 3 * 5);
  EXPECT_EQ(std::count(splits[1].device_of_unit.begin(), splits[1].device_of_unit.end(), 0), 7);
}

TEST(LayerSplit, PiecesBalanceThePipeline) {
  SplitProblem p{.devices = {Uniform(12, 1, 0, -1), Uniform(12, 2, 0, -1)}, .pieces = 8};
  const auto splits = BestSplits(p);
  ASSERT_EQ(splits.size(), 2u);
  EXPECT_EQ(splits[0].seconds, 8 * 12);
  EXPECT_EQ(std::count(splits[1].device_of_unit.begin(), splits[1].device_of_unit.end(), 0), 8);
  EXPECT_EQ(splits[1].seconds, 8 + 8 + 7 * 8);
  // The host's cores cannot be in two places.
  for (auto& device : p.devices) device.host_cores = true;
  const auto shared = BestSplits(p);
  EXPECT_GT(shared[1].seconds, shared[0].seconds);
}

TEST(LayerSplit, NothingFitsNowhere) {
  SplitProblem p{.devices = {Uniform(4, 1, 10, 12), Uniform(4, 1, 10, 12)}};
  EXPECT_TRUE(BestSplits(p).empty());
  p.devices[0].free_bytes = 30;
  ASSERT_EQ(BestSplits(p).size(), 1u);
  EXPECT_EQ(BestSplits(p)[0].devices, 2);
  p.devices[0].host_memory = p.devices[1].host_memory = true;  // both mean the same 12
  EXPECT_TRUE(BestSplits(p).empty());
}

TEST(LayerSplit, SharedBytesCountOnceInARun) {
  SplitProblem p{.devices = {Uniform(3, 1, 10, 21)}};
  EXPECT_TRUE(BestSplits(p).empty());
  p.shared = {{0, 2, {9}}};
  EXPECT_EQ(BestSplits(p).size(), 1u);
}

// Against every assignment there is whose runs are contiguous.
TEST(LayerSplit, TheBestIsTheBestOfAll) {
  ops::CaseRng rng(11);
  const auto real = [&](int64_t most) { return static_cast<double>(rng.Int(1, most)); };
  for (int round = 0; round < 60; ++round) {
    const auto units = static_cast<size_t>(rng.Int(1, 7));
    SplitProblem p{.pieces = rng.Int(1, 4)};
    for (int d = 0; d < 3; ++d) {
      SplitProblem::Device& device = p.devices.emplace_back();
      for (size_t u = 0; u < units; ++u) {
        device.seconds.push_back(rng.Int(0, 15) == 0 ? kInf : real(20));
        device.bytes.push_back(real(10));
      }
      device.segment_seconds = real(3), device.segment_bytes = real(3), device.cut_seconds = real(4);
      device.free_bytes = rng.Int(0, 3) == 0 ? -1 : real(40);
      device.host_memory = rng.Int(0, 2) == 0, device.host_cores = rng.Int(0, 2) == 0;
    }
    std::vector<double> best(4, kInf);
    std::vector<int32_t> devices(units);
    const std::function<void(size_t)> all = [&](size_t unit) {
      if (unit == units) {
        int runs = 1;
        std::vector<bool> seen(3);
        seen[devices[0]] = true;
        for (size_t u = 1; u < units; ++u) {
          if (devices[u] == devices[u - 1]) continue;
          if (seen[devices[u]]) return;
          seen[devices[u]] = true, ++runs;
        }
        if (Fits(p, devices)) best[runs] = std::min(best[runs], SecondsOf(p, devices));
        return;
      }
      for (devices[unit] = 0; devices[unit] < 3; ++devices[unit]) all(unit + 1);
    };
    all(0);
    std::vector<double> got(4, kInf);
    for (const LayerSplit& split : BestSplits(p)) {
      got[split.devices] = split.seconds;
      EXPECT_TRUE(Fits(p, split.device_of_unit));
      EXPECT_EQ(SecondsOf(p, split.device_of_unit), split.seconds);
    }
    for (int k = 1; k <= 3; ++k) EXPECT_EQ(got[k], best[k]) << round << " with " << k;
  }
}

}  // namespace
}  // namespace concord::graph
