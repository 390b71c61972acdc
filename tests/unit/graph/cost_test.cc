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

}  // namespace
}  // namespace concord::graph
