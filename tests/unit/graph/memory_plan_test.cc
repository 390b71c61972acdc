#include "runtime/graph/memory_plan.h"

#include <algorithm>
#include <set>

#include "tests/unit/graph/graph_testing.h"

namespace concord::graph {
namespace {

using testing::RandomGraph;
using testing::TinyLlama;

struct Range {
  uint64_t begin, end;
  int32_t first, last;
};

// Lives and places of the values that have a place, from the graph alone.
std::vector<Range> Ranges(const Graph& graph, const SymbolValues& symbols, const MemoryPlan& plan) {
  std::vector<Range> ranges;
  for (ValueId id = 0; id < static_cast<ValueId>(graph.values.size()); ++id) {
    if (plan.offsets[id] == MemoryPlan::kNoOffset) continue;
    const std::vector<int32_t> readers = graph.Readers(id);
    const int32_t first = graph.Producer(id), last = readers.empty() ? first : readers.back();
    ranges.push_back(
        {plan.offsets[id], plan.offsets[id] + ResolveBytes(graph.values[id].type, symbols).value(), first, last});
  }
  return ranges;
}

TEST(MemoryPlan, NoTwoLiveValuesOverlap) {
  ops::CaseRng rng(20240601);
  uint64_t planned = 0, needed = 0;
  for (int round = 0; round < 300; ++round) {
    const Graph graph = RandomGraph(rng, static_cast<int>(rng.Int(1, 60)));
    const SymbolValues symbols = {{"n", rng.Int(0, 9)}};
    const uint64_t align = uint64_t{1} << rng.Int(0, 8);
    absl::StatusOr<MemoryPlan> plan = PlanMemory(graph, WholeGraph(graph), symbols, align);
    ASSERT_TRUE(plan.ok()) << plan.status();
    const std::vector<Range> ranges = Ranges(graph, symbols, *plan);
    for (const Range& a : ranges) {
      EXPECT_EQ(a.begin % align, 0u);
      EXPECT_LE(a.end, plan->total_bytes);
      for (const Range& b : ranges) {
        const bool meet = a.first <= b.last && b.first <= a.last && &a != &b;
        EXPECT_FALSE(meet && a.begin < b.end && b.begin < a.end) << "round " << round;
      }
    }
    EXPECT_GE(plan->total_bytes, plan->peak_bytes);
    planned += plan->total_bytes, needed += plan->peak_bytes;
  }
  EXPECT_LT(planned, needed * 1.25);  // first fit by size stays near the bound
}

TEST(MemoryPlan, KnowsThePeak) {
  Builder b("m");
  const ValueId x = b.Input("x", {ops::Dim::Symbol("n"), 16}, "f32");
  const ValueId a = b.Apply1("scale", {{"x", x}}), c = b.Apply1("scale", {{"x", a}}),
                d = b.Apply1("add", {{"a", a}, {"b", c}});
  b.Output("y", b.Apply1("scale", {{"x", d}}));
  const Graph graph = b.Finish()->main;
  absl::StatusOr<MemoryPlan> plan = PlanMemory(graph, WholeGraph(graph), {{"n", 4}}, 64);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->peak_bytes, 3u * 4 * 16 * 4);
  EXPECT_EQ(plan->peak_node, 2);
  EXPECT_EQ(plan->peak_values.size(), 3u);
  EXPECT_EQ(plan->total_bytes, plan->peak_bytes);
  EXPECT_EQ(plan->offsets[graph.FindOutput("y")], MemoryPlan::kNoOffset);
  EXPECT_EQ(plan->offsets[graph.Find("x")], MemoryPlan::kNoOffset);
}

TEST(MemoryPlan, ErrorsAndEmptyCases) {
  const Graph graph = TinyLlama().Build()->main;
  const Partition whole = WholeGraph(graph);
  EXPECT_EQ(PlanMemory(graph, whole, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(PlanMemory(graph, whole, {{"n_tokens", INT64_MAX / 8}, {"n_outputs", 1}}).status().code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_EQ(PlanMemory(graph, whole, {{"n_tokens", -1}, {"n_outputs", 1}}).status().code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_FALSE(PlanMemory(graph, whole, {{"n_tokens", 1}, {"n_outputs", 1}}, 3).ok());
  absl::StatusOr<MemoryPlan> none = PlanMemory(graph, whole, {{"n_tokens", 0}, {"n_outputs", 0}});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->total_bytes, 0u);
  absl::StatusOr<MemoryPlan> empty = PlanMemory(graph, {}, {});
  ASSERT_TRUE(empty.ok());
  EXPECT_EQ(empty->peak_node, -1);
}

TEST(MemoryPlan, ADecoderNeedsLittleMoreThanItsPeak) {
  const Graph graph = TinyLlama({.n_layers = 8}).Build()->main;
  absl::StatusOr<MemoryPlan> plan = PlanMemory(graph, WholeGraph(graph), {{"n_tokens", 64}, {"n_outputs", 4}});
  absl::StatusOr<MemoryPlan> shallow =
      PlanMemory(TinyLlama({.n_layers = 2}).Build()->main, WholeGraph(TinyLlama({.n_layers = 2}).Build()->main),
                 {{"n_tokens", 64}, {"n_outputs", 4}});
  ASSERT_TRUE(plan.ok() && shallow.ok());
  EXPECT_EQ(plan->total_bytes, shallow->total_bytes);  // depth costs no memory
  EXPECT_LE(plan->total_bytes, plan->peak_bytes * 5 / 4);
}

}  // namespace
}  // namespace concord::graph
