#include "runtime/graph/evaluate.h"

#include <cmath>

#include "runtime/graph/memory_plan.h"
#include "tests/unit/graph/graph_testing.h"

namespace concord::graph {
namespace {

using testing::Bindings;
using testing::RandomGraph;
using testing::TinyLlama;

TEST(Evaluate, ComputesALayerAsWrittenOut) {
  Builder b("m");
  const ValueId x = b.Input("x", {ops::Dim::Symbol("n"), 3}, "f32");
  const ValueId w = b.Weight("w", testing::Type("f32", {2, 3}), {.tensor = "w"});
  b.Output("y", b.Apply1("unary", {{"x", b.Apply1("linear", {{"x", x}, {"w", w}})}}, {{"kind", std::string("tanh")}}));
  const Graph graph = b.Finish()->main;
  const Bindings bindings(graph, {{"n", 4}});
  absl::StatusOr<Evaluation> result = Evaluate(graph, {{"n", 4}}, bindings.views());
  ASSERT_TRUE(result.ok()) << result.status();
  const auto xs = bindings.views()[graph.Find("x")], ws = bindings.views()[graph.Find("w")];
  for (int64_t t = 0; t < 4; ++t) {
    for (int64_t o = 0; o < 2; ++o) {
      double sum = 0;
      for (int64_t i = 0; i < 3; ++i) sum += xs.Row(t)[i] * ws.Row(o)[i];
      EXPECT_NEAR(result->values[graph.FindOutput("y")].Row(t)[o], std::tanh(sum), 1e-6);
    }
  }
}

TEST(Evaluate, BindingsAreChecked) {
  const Graph graph = TinyLlama().Build()->main;
  const SymbolValues symbols = Bindings::TinySymbols();
  const Bindings bindings(graph, symbols);
  EXPECT_FALSE(Evaluate(graph, symbols, {}).ok());
  EXPECT_FALSE(Evaluate(graph, {{"n_tokens", 5}}, bindings.views()).ok());
  SymbolValues other = symbols;
  other["n_tokens"] = 4;
  EXPECT_FALSE(Evaluate(graph, other, bindings.views()).ok());
  std::vector<ops::TensorView> missing = bindings.views();
  missing[graph.Find("layers.1.kv.k")] = {};
  EXPECT_FALSE(Evaluate(graph, symbols, missing).ok());
}

// Runs `graph` in the memory of a plan, in another order of nodes, and compares every output bit by bit.
void ExpectSameInPlannedMemory(const Graph& graph, const SymbolValues& symbols, ops::CaseRng& rng) {
  const Partition whole = WholeGraph(graph);
  absl::StatusOr<MemoryPlan> plan = PlanMemory(graph, whole, symbols);
  ASSERT_TRUE(plan.ok()) << plan.status();
  auto edges = MemoryHazards(graph, whole, symbols, *plan).value();
  for (int32_t n = 0; n < static_cast<int32_t>(graph.nodes.size()); ++n) {
    for (ValueId id : graph.nodes[n].inputs) {
      if (id != kNoValue && graph.Producer(id) >= 0) edges.emplace_back(graph.Producer(id), n);
    }
  }
  Graph shuffled = graph;  // ids stay, so views stay
  shuffled.nodes.clear();
  std::vector<bool> done(graph.nodes.size());
  while (shuffled.nodes.size() < graph.nodes.size()) {
    std::vector<int32_t> ready;
    for (int32_t n = 0; n < static_cast<int32_t>(graph.nodes.size()); ++n) {
      bool waits = done[n];
      for (const auto& [a, b] : edges) waits = waits || (b == n && !done[a]);
      if (!waits) ready.push_back(n);
    }
    ASSERT_FALSE(ready.empty());
    const int32_t next = ready[static_cast<size_t>(rng.Int(0, static_cast<int64_t>(ready.size()) - 1))];
    done[next] = true;
    shuffled.nodes.push_back(graph.nodes[next]);
  }
  const Bindings plain(graph, symbols), planned(graph, symbols);
  std::vector<std::byte> workspace(plan->total_bytes);
  std::vector<ops::TensorView> views = planned.views();
  for (size_t id = 0; id < views.size(); ++id) {
    if (plan->offsets[id] == MemoryPlan::kNoOffset) continue;
    const ops::TensorType& type = graph.values[id].type;
    views[id] = ops::TensorView(type.packing, ResolveDims(type, symbols).value(), workspace.data() + plan->offsets[id]);
  }
  absl::StatusOr<Evaluation> want = Evaluate(graph, symbols, plain.views());
  absl::StatusOr<Evaluation> got = Evaluate(shuffled, symbols, views);
  ASSERT_TRUE(want.ok() && got.ok()) << want.status() << got.status();
  for (const NamedOutput& output : graph.outputs) {
    const ops::TensorView &a = want->values[output.value], &b = got->values[output.value];
    for (int64_t r = 0; r < a.rows(); ++r) EXPECT_EQ(a.Row(r), b.Row(r)) << output.name;
  }
}

TEST(Evaluate, PlannedMemoryIsRightInAnyOrderThatKeepsTheHazards) {
  ops::CaseRng rng(99);
  for (int round = 0; round < 60; ++round) {
    const Graph graph = RandomGraph(rng, static_cast<int>(rng.Int(2, 40)));
    ExpectSameInPlannedMemory(graph, {{"n", rng.Int(0, 5)}}, rng);
  }
  ExpectSameInPlannedMemory(TinyLlama().Build()->main, Bindings::TinySymbols(), rng);
}

}  // namespace
}  // namespace concord::graph
