#include "runtime/graph/cost.h"

#include "runtime/graph/fuse.h"
#include "tests/unit/graph/graph_testing.h"

namespace concord::graph {
namespace {

using testing::TinyLlama;

SymbolValues Symbols(int64_t n_tokens) {
  return {{"n_tokens", n_tokens}, {"n_seqs", 1}, {"n_outputs", 1}, {"n_blocks", 100}, {"max_blocks", 100}};
}

TEST(Cost, OfOneDecodeStep) {
  const testing::TinyShape s = {
      .n_layers = 2, .d_model = 64, .d_head = 32, .weight_packing = "f16", .kv_packing = "q8_0"};
  const Graph g = TinyLlama(s).Build()->main;
  absl::StatusOr<GraphCost> cost = ComputeCost(g, Symbols(1), 50);
  ASSERT_TRUE(cost.ok()) << cost.status();
  ASSERT_EQ(cost->nodes.size(), g.nodes.size());
  const int64_t q = 4 * 32, kv = 2 * 32;
  const double matrices = 2.0 * (64 * q + 2 * 64 * kv + q * 64 + 3 * 64 * 48) + 64 * 37;
  // f16 matrices; f32 norms (two a layer, one at the end); inv_freq, read by two ropes a layer; one row of the table.
  EXPECT_EQ(cost->total.weight_bytes, 2 * matrices + 4 * 64 * 5 + 4 * 4 * 4 + 2 * 64);
  // Per layer: 50 keys and values read, and one written, of q8_0: 34 bytes for 32 elements.
  EXPECT_EQ(cost->total.state_bytes, 2 * (50 + 1) * 2.0 * kv * 34 / 32);
  EXPECT_NEAR(cost->total.flops, 2 * matrices + 2 * 2.0 * 4 * 50 * 64, 0.1 * matrices);
  double sum = 0;
  for (const NodeCost& node : cost->nodes) sum += node.bytes();
  EXPECT_DOUBLE_EQ(sum, cost->total.bytes());
}

TEST(Cost, GrowsWithTokensAndKeys) {
  const Graph g = TinyLlama().Build()->main;
  const GraphCost one = ComputeCost(g, Symbols(1), 50).value(), many = ComputeCost(g, Symbols(16), 50).value();
  const GraphCost longer = ComputeCost(g, Symbols(1), 500).value();
  EXPECT_GT(many.total.flops, 8 * one.total.flops);
  EXPECT_LT(many.total.weight_bytes, 1.1 * one.total.weight_bytes);
  EXPECT_GT(longer.total.state_bytes, 9 * one.total.state_bytes);
  EXPECT_EQ(longer.total.weight_bytes, one.total.weight_bytes);
  EXPECT_FALSE(ComputeCost(g, {}, 1).ok());
}

TEST(Cost, FusionSavesTraffic) {
  Module module = *TinyLlama().Build();
  const GraphCost before = ComputeCost(module.main, Symbols(8), 50).value();
  ASSERT_TRUE(Fuse([](const Graph&, int32_t) { return true; }, &module).ok());
  const GraphCost after = ComputeCost(module.main, Symbols(8), 50).value();
  EXPECT_LT(after.total.activation_bytes, before.total.activation_bytes);
  EXPECT_EQ(after.total.weight_bytes, before.total.weight_bytes);
  EXPECT_NEAR(after.total.flops, before.total.flops, 0.05 * before.total.flops);
}

// What is read are the matrices of experts that some token is expected to go to: 2 of 8 for one token, and for four of
// them 1 - (3/4)^4 of all.
TEST(Cost, CountsTheExpertsThatTokensReach) {
  Builder b("experts");
  const ValueId x = b.Input("x", {ops::Dim::Symbol(ops::kNTokens), 64}, "f32"),
                ids = b.Input("ids", {ops::Dim::Symbol(ops::kNTokens), 2});
  const auto experts = [&](const char* name) {
    const ops::TensorType type{packing::Find("f16"), {8, 32, 64}, ""};
    return b.Apply1("linear_experts", {{"x", x}, {"w", b.Weight(name, type, {.tensor = name})}, {"ids", ids}});
  };
  const ValueId gate = experts("gate"), up = experts("up");
  b.Output("y", b.Apply1("glu", {{"gate", gate}, {"up", up}}));
  Module module = *b.Finish();
  const double all = 2.0 * 8 * 32 * 64 * 2;
  for (const bool fused : {false, true}) {
    if (fused) {
      ASSERT_EQ(*Fuse([](const Graph&, int32_t) { return true; }, &module), 1);
    }
    for (const auto& [n, share] : {std::pair(1, 0.25), {4, 1 - 81.0 / 256}, {1000, 1.0}}) {
      const GraphCost cost = ComputeCost(module.main, {{"n_tokens", n}}, 1).value();
      EXPECT_NEAR(cost.total.weight_bytes, share * all, 1e-6 * all) << n;
      EXPECT_GE(cost.total.flops, 2.0 * 2 * n * 2 * 32 * 64);
      EXPECT_LE(cost.total.flops, 2.1 * 2 * n * 2 * 32 * 64);
    }
  }
}

}  // namespace
}  // namespace concord::graph
