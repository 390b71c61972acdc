#include "runtime/graph/lower.h"

#include <set>

#include "tests/unit/graph/graph_testing.h"

namespace concord::graph {
namespace {

using testing::TinyLlama;

template <typename T>
T At(const concord_array& array, uint32_t i) {
  EXPECT_LT(i, array.count);
  return *reinterpret_cast<const T*>(static_cast<const char*>(array.data) + size_t{i} * array.stride_bytes);
}

std::string Text(concord_string s) { return std::string(s.data, s.size_bytes); }

concord_value_desc ValueDesc(const LoweredProgram& p, ValueId id) {
  return At<concord_value_desc>(p.desc().values, p.index(id));
}

TEST(Lower, AWholeGraph) {
  auto graph = std::make_unique<Graph>(TinyLlama({.weight_packing = "f16"}).Build()->main);
  absl::StatusOr<LoweredProgram> lowered = LoweredProgram::Lower(*graph, WholeGraph(*graph));
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  const Graph g = *graph;
  graph.reset();  // nothing may point into it
  const LoweredProgram p = std::move(*lowered);
  const concord_program_desc& desc = p.desc();
  EXPECT_EQ(desc.struct_size, sizeof(concord_program_desc));
  EXPECT_EQ(Text(desc.name), "tiny");
  ASSERT_EQ(desc.ops.count, g.nodes.size());
  ASSERT_EQ(desc.values.count, g.values.size());
  ASSERT_EQ(desc.symbols.count, g.symbols.size());
  for (uint32_t n = 0; n < desc.ops.count; ++n) {
    const auto op = At<concord_op_desc>(desc.ops, n);
    EXPECT_EQ(Text(op.name), g.nodes[n].op->name);
    EXPECT_EQ(Text(op.scope), g.nodes[n].scope);
    EXPECT_EQ(Text(op.arithmetic), "f32");
    EXPECT_EQ(op.version, 1u);
    ASSERT_EQ(op.inputs.count, g.nodes[n].op->inputs.size());
    for (uint32_t i = 0; i < op.inputs.count; ++i) {
      const ValueId id = g.nodes[n].inputs[i];
      EXPECT_EQ(At<uint32_t>(op.inputs, i), id == kNoValue ? CONCORD_NONE : p.index(id));
    }
    ASSERT_EQ(op.attrs.count, g.nodes[n].attrs.values().size());
  }
  const auto norm = At<concord_op_desc>(desc.ops, 1);
  const auto eps = At<concord_attr>(norm.attrs, 0);
  EXPECT_EQ(Text(eps.key), "eps");
  EXPECT_EQ(eps.kind, CONCORD_ATTR_FLOAT);
  EXPECT_EQ(eps.f, 1e-5);

  const concord_value_desc starts = ValueDesc(p, g.Find("q_start"));
  EXPECT_EQ(starts.role, CONCORD_ROLE_INPUT);
  EXPECT_EQ(starts.rank, 1u);
  EXPECT_EQ(starts.dims[0].value, 1);
  EXPECT_EQ(starts.dims[0].symbol, p.symbol("n_seqs"));
  EXPECT_EQ(starts.dims[1].symbol, CONCORD_NONE);
  EXPECT_EQ(starts.type.storage, CONCORD_STORAGE_I32);
  const concord_value_desc weight = ValueDesc(p, g.Find("layers.0.q"));
  EXPECT_EQ(weight.role, CONCORD_ROLE_CONSTANT);
  EXPECT_EQ(weight.type.storage, CONCORD_STORAGE_F16);
  EXPECT_EQ(weight.type.block_bytes, 2u);
  const concord_value_desc state = ValueDesc(p, g.Find("layers.1.kv.v"));
  EXPECT_EQ(state.role, CONCORD_ROLE_STATE);
  EXPECT_EQ(Text(state.layout), "kv.paged/1");
  EXPECT_EQ(ValueDesc(p, g.FindOutput("logits")).role, CONCORD_ROLE_OUTPUT);
  EXPECT_EQ(ValueDesc(p, g.FindOutput("hidden")).role, CONCORD_ROLE_OUTPUT);
  EXPECT_EQ(p.symbol("nope"), CONCORD_NONE);
  EXPECT_EQ(p.index(-1), CONCORD_NONE);
}

TEST(Lower, SlotsAreDenseAndStatesShareTheirs) {
  const Graph g = TinyLlama().Build()->main;
  const LoweredProgram p = LoweredProgram::Lower(g, WholeGraph(g)).value();
  uint32_t slot = 0;
  for (const LoweredProgram::Bound& bound : p.bound()) {
    EXPECT_EQ(bound.slot, slot++);
    EXPECT_EQ(ValueDesc(p, bound.value).slot, bound.slot);
    EXPECT_EQ(ValueDesc(p, bound.value).role, bound.role);
    EXPECT_EQ(p.slot(bound.value), bound.slot);
  }
  int later_states = 0;
  for (ValueId id = 0; id < static_cast<ValueId>(g.values.size()); ++id) {
    const concord_value_desc desc = ValueDesc(p, id);
    EXPECT_EQ(p.value(p.index(id)), id);
    if (g.values[id].alias_of != kNoValue) {
      ++later_states;
      EXPECT_EQ(desc.alias_of, p.index(g.values[id].alias_of));
      EXPECT_EQ(desc.slot, CONCORD_NONE);
      EXPECT_EQ(p.slot(id), p.slot(g.values[id].alias_of));
    } else {
      EXPECT_EQ(desc.alias_of, CONCORD_NONE);
      EXPECT_EQ(desc.slot == CONCORD_NONE, desc.role == CONCORD_ROLE_WORKSPACE);
    }
  }
  EXPECT_EQ(later_states, 4);
}

TEST(Lower, APartBindsWhatCrossesItsBorder) {
  const Graph g = TinyLlama().Build()->main;
  const auto half = static_cast<int32_t>(g.nodes.size() / 2);
  Partition first, second{.device = 1};
  for (int32_t n = 0; n < static_cast<int32_t>(g.nodes.size()); ++n) (n < half ? first : second).nodes.push_back(n);
  const LoweredProgram a =
      LoweredProgram::Lower(g, first, std::vector<std::string>(first.nodes.size(), "int8/32")).value();
  const LoweredProgram b = LoweredProgram::Lower(g, second).value();
  EXPECT_EQ(a.desc().ops.count + b.desc().ops.count, g.nodes.size());
  EXPECT_EQ(Text(At<concord_op_desc>(a.desc().ops, 3).arithmetic), "int8/32");
  int crossing = 0;
  for (ValueId id = 0; id < static_cast<ValueId>(g.values.size()); ++id) {
    if (a.index(id) == CONCORD_NONE || b.index(id) == CONCORD_NONE || g.values[id].role != Role::kIntermediate)
      continue;
    ++crossing;
    EXPECT_EQ(ValueDesc(a, id).role, CONCORD_ROLE_OUTPUT);
    EXPECT_EQ(ValueDesc(b, id).role, CONCORD_ROLE_INPUT);
  }
  EXPECT_GT(crossing, 0);
  EXPECT_EQ(b.index(g.Find("tokens")), CONCORD_NONE);
  EXPECT_EQ(a.index(g.Find("head")), CONCORD_NONE);

  const SymbolValues sizes = {{"n_tokens", 5}, {"n_outputs", 2}};
  const MemoryPlan plan = PlanMemory(g, second, sizes).value();
  const std::vector<uint64_t> offsets = b.ValueOffsets(plan);
  ASSERT_EQ(offsets.size(), b.desc().values.count);
  for (uint32_t i = 0; i < offsets.size(); ++i) {
    EXPECT_EQ(offsets[i] == CONCORD_NO_OFFSET,
              At<concord_value_desc>(b.desc().values, i).role != CONCORD_ROLE_WORKSPACE);
  }
}

TEST(Lower, BadPartitionsAreRefused) {
  const Graph g = TinyLlama().Build()->main;
  EXPECT_FALSE(LoweredProgram::Lower(g, {.nodes = {1, 0}}).ok());
  EXPECT_FALSE(LoweredProgram::Lower(g, {.nodes = {-1}}).ok());
  EXPECT_FALSE(LoweredProgram::Lower(g, {.nodes = {static_cast<int32_t>(g.nodes.size())}}).ok());
  EXPECT_FALSE(LoweredProgram::Lower(g, {.nodes = {0, 1}}, {"f32"}).ok());
  EXPECT_TRUE(LoweredProgram::Lower(g, {}).ok());
}

}  // namespace
}  // namespace concord::graph
