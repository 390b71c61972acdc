#include "runtime/graph/partition.h"

#include "gmock/gmock.h"
#include "tests/unit/graph/graph_testing.h"

namespace concord::graph {
namespace {

using ::testing::HasSubstr;
using testing::TinyLlama;

std::string Check(const Graph& graph, const std::vector<Partition>& partitions) {
  return std::string(CheckPartitions(graph, partitions).message());
}

// x → a → b → c, and x → d.
Graph Chain() {
  Builder b("m");
  const ValueId x = b.Input("x", {4}, "f32");
  const auto scale = [&](ValueId v) { return b.Apply1("scale", {{"x", v}}); };
  b.Output("c", scale(scale(scale(x))));
  b.Output("d", scale(x));
  return b.Finish()->main;
}

TEST(Partition, ConvexOnesPass) {
  const Graph g = Chain();
  EXPECT_EQ(Check(g, {WholeGraph(g)}), "");
  EXPECT_EQ(Check(g, {{0, {0, 1}}, {1, {2, 3}}}), "");
  EXPECT_EQ(Check(g, {{0, {2}}, {1, {0, 1, 3}}}), "");  // the order of the list is free
  EXPECT_EQ(Check(g, {{0, {0, 3}}, {1, {1}}, {0, {2}}}), "");
}

TEST(Partition, OthersAreNamed) {
  const Graph g = Chain();
  EXPECT_THAT(Check(g, {{0, {0, 2}}, {1, {1, 3}}}), HasSubstr("would wait for itself"));
  EXPECT_THAT(Check(g, {{0, {0, 1}}, {1, {1, 2, 3}}}), HasSubstr("node 1 (scale) is in two partitions"));
  EXPECT_THAT(Check(g, {{0, {0, 1}}, {1, {3}}}), HasSubstr("node 2 (scale) is in no partition"));
  EXPECT_THAT(Check(g, {{0, {1, 0, 2, 3}}}), HasSubstr("not after"));
}

TEST(Partition, AStateStaysOnOneDevice) {
  const Graph g = TinyLlama({.n_layers = 1}).Build()->main;
  int32_t append = 0;
  while (g.nodes[append].op->name != "kv_append") ++append;
  Partition a{.device = 0}, b{.device = 1};
  for (int32_t n = 0; n < static_cast<int32_t>(g.nodes.size()); ++n) (n <= append ? a : b).nodes.push_back(n);
  EXPECT_THAT(Check(g, {a, b}), HasSubstr("the state 'layers.0.kv.k' is used on device 0 and by node"));
  b.device = 0;
  EXPECT_EQ(Check(g, {a, b}), "");
}

TEST(Partition, ValuesHaveTheirUse) {
  const Graph g = Chain();
  const std::vector<Use> use = ClassifyValues(g, {0, {1, 2}}).value();
  EXPECT_EQ(use[g.Find("x")], Use::kNone);
  EXPECT_EQ(use[g.nodes[0].outputs[0]], Use::kInput);
  EXPECT_EQ(use[g.nodes[1].outputs[0]], Use::kWorkspace);
  EXPECT_EQ(use[g.nodes[2].outputs[0]], Use::kOutput);
  EXPECT_EQ(use[g.nodes[3].outputs[0]], Use::kNone);
}

}  // namespace
}  // namespace concord::graph
