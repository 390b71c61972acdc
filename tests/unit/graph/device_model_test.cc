#include "runtime/graph/device_model.h"

#include <gtest/gtest.h>

#include "runtime/graph/builder.h"

namespace concord::graph {
namespace {

Rate Bytes(double per_second) { return {.bytes_per_second = per_second}; }

TEST(DeviceModel, TheNearestRateCounts) {
  DeviceModel model;
  EXPECT_EQ(model.RateOf("linear", "q4_k", "f32"), Rate{}) << "nothing known: infinitely fast";
  model.rates = {{"", Bytes(1)},
                 {"linear/q4_k/int8/32", Bytes(2)},
                 {"linear/q8_0/int8/32", Bytes(3)},
                 {"linear/f16/f32", Bytes(4)},
                 {"attention/f16", Bytes(5)}};
  EXPECT_EQ(model.RateOf("rope", "", "f32"), Bytes(1));
  EXPECT_EQ(model.RateOf("linear", "q4_k", "int8/32"), Bytes(2));
  EXPECT_EQ(model.RateOf("linear", "q5_k", "int8/32"), Bytes(2)) << "5.5 bits are nearer to 4.5 than to 8.5";
  EXPECT_EQ(model.RateOf("linear", "q8_0", "f32"), Bytes(4)) << "the same arithmetic comes first";
  EXPECT_EQ(model.RateOf("linear", "bf16", "f32"), Bytes(4));
  EXPECT_EQ(model.RateOf("attention", "q8_0", "f32"), Bytes(5));
  EXPECT_EQ(model.RateOf("linear", "bf16", "bf16"), Bytes(4)) << "another arithmetic is better than none";
  model.rates["linear/f16/f16"] = Bytes(7);
  EXPECT_EQ(model.RateOf("linear", "bf16", "bf16"), Bytes(7));
  model.rates["linear/q5_k"] = Bytes(6);
  EXPECT_EQ(model.RateOf("linear", "q5_k", "int8/32"), Bytes(6));
}

TEST(DeviceModel, ExpertsGoAsFastAsOtherMatrices) {
  Builder builder("g");
  const ValueId x = builder.Input("x", {ops::Dim(1), ops::Dim(64)}, "f32"),
                ids = builder.Input("ids", {ops::Dim(1), ops::Dim(2)});
  const ValueId w = builder.Weight("w", {packing::Find("f32"), {8, 64, 64}, ""}, {.tensor = "w"});
  builder.Output("y", builder.Apply1("linear_experts", {{"x", x}, {"w", w}, {"ids", ids}}));
  const Module module = *builder.Finish();
  const GraphCost cost = *ComputeCost(module.main, {}, 0);
  DeviceModel model;
  model.rates["linear/f32"] = {.bytes_per_second = cost.total.bytes()};
  model.rates[""] = {.bytes_per_second = 1};
  EXPECT_DOUBLE_EQ(model.StepSeconds(module.main, {"f32"}, cost), 1);
}

// Narrow matrices are read, packed and written for as long as they are multiplied; one token needs no help of others.
TEST(DeviceModel, PromptsOfNarrowModelsAreNotAllArithmetic) {
  Builder builder("g");
  const ValueId x = builder.Input("x", {ops::Dim::Symbol(ops::kNTokens), ops::Dim(64)}, "f32");
  const ValueId w = builder.Weight("w", {packing::Find("f32"), {64, 64}, ""}, {.tensor = "w"});
  builder.Output("y", builder.Apply1("linear", {{"x", x}, {"w", w}}));
  const Module module = *builder.Finish();
  const auto seconds = [&](const DeviceModel& model, int64_t tokens) {
    return model.StepSeconds(module.main, {"f32"}, *ComputeCost(module.main, {{ops::kNTokens, tokens}}, 0));
  };
  constexpr double kFlops = 2 * 64 * 64, kBytes = 4 * (64 + 64);  // a token
  DeviceModel model;
  model.op_seconds = 0.5;
  model.rates["linear"] = {.flops_per_second = kFlops};
  EXPECT_DOUBLE_EQ(seconds(model, 10), 0.5 + 10);
  model.rates["linear"].activation_bytes_per_second = kBytes / 3;
  EXPECT_DOUBLE_EQ(seconds(model, 10), 0.5 + 10 + 30);
  model.shared_op_seconds = 2;
  EXPECT_DOUBLE_EQ(seconds(model, 10), 2 + 10 + 30);
  EXPECT_DOUBLE_EQ(seconds(model, 1), 0.5 + 1 + 3);
}

TEST(DeviceModel, ASmallModelStaysInTheCache) {
  Builder builder("g");
  const ValueId x = builder.Input("x", {ops::Dim(1), ops::Dim(64)}, "f32");
  const ValueId w = builder.Weight("w", {packing::Find("f32"), {64, 64}, ""}, {.tensor = "w"});
  builder.Output("y", builder.Apply1("linear", {{"x", x}, {"w", w}}));
  const Module module = *builder.Finish();
  const GraphCost cost = *ComputeCost(module.main, {}, 0);
  const double bytes = cost.total.bytes();
  DeviceModel model;
  model.op_seconds = 0.25;
  model.submission_seconds = 0.5;
  model.rates["linear/f32"] = {.bytes_per_second = bytes, .cached_bytes_per_second = 4 * bytes};
  EXPECT_DOUBLE_EQ(model.StepSeconds(module.main, {"f32"}, cost), 0.5 + 0.25 + 1);
  model.cache_bytes = cost.total.weight_bytes;
  EXPECT_DOUBLE_EQ(model.StepSeconds(module.main, {"f32"}, cost), 0.5 + 0.25 + 0.25);
  model.cache_bytes -= 1;
  EXPECT_DOUBLE_EQ(model.StepSeconds(module.main, {"f32"}, cost), 0.5 + 0.25 + 1);
}

}  // namespace
}  // namespace concord::graph
