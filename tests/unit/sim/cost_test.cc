// The simulated device's idea of what ops cost against the one that placement reckons with, which never saw it.
#include "tests/emulators/sim/cost.h"

#include "runtime/graph/cost.h"
#include "runtime/graph/fuse.h"
#include "runtime/graph/lower.h"
#include "runtime/loader/model_source.h"
#include "runtime/models/model.h"
#include "tests/unit/sim/sim_testing.h"

namespace concord::sim {
namespace {

graph::Module Golden(const std::string& name, const char* kv_type) {
  const auto source = loader::Open(std::string(CONCORD_SOURCE_DIR) + "/tests/golden/" + name);
  EXPECT_TRUE(source.ok()) << source.status();
  auto module = models::BuildModule(**source, {.kv_packing = kv_type});
  EXPECT_TRUE(module.ok()) << module.status();
  return *std::move(module);
}

// Every node of the graph, in a step of these sizes whose sequences all have `kv_len` keys.
void ExpectTheSame(const graph::Graph& graph, const graph::SymbolValues& sizes, int64_t kv_len) {
  const auto want = graph::ComputeCost(graph, sizes, kv_len);
  ASSERT_TRUE(want.ok()) << want.status();
  const auto lowered = graph::LoweredProgram::Lower(graph, graph::WholeGraph(graph));
  ASSERT_TRUE(lowered.ok()) << lowered.status();
  const sdk::Graph program(lowered->desc());
  const auto extent = [&](const concord_dim& dim) {
    if (dim.symbol == CONCORD_NONE) return dim.value;
    return dim.value + sizes.at(std::string(sdk::FromC(program.symbol(dim.symbol).name)));
  };
  const int64_t n_seqs = sizes.at("n_seqs"), n_tokens = sizes.at("n_tokens");
  std::vector<Sequence> sequences;
  for (int64_t s = 0; s < n_seqs; ++s)
    sequences.push_back({n_tokens / n_seqs + (s == 0 ? n_tokens % n_seqs : 0), kv_len});
  ASSERT_EQ(program.n_ops(), want->nodes.size());
  for (uint32_t i = 0; i < program.n_ops(); ++i) {
    const sdk::Op op = program.op(i);
    const OpCost got = CostOf(op, extent, op.name() == "attention" ? sequences : std::vector<Sequence>());
    const graph::NodeCost& node = want->nodes[i];
    EXPECT_EQ(got.flops, node.flops) << op.name() << ", " << op.scope();
    EXPECT_EQ(got.weight_bytes, node.weight_bytes) << op.name() << ", " << op.scope();
    EXPECT_EQ(got.state_bytes, node.state_bytes) << op.name() << ", " << op.scope();
    EXPECT_EQ(got.activation_bytes, node.activation_bytes) << op.name() << ", " << op.scope();
  }
}

struct Step {
  int64_t n_tokens, n_seqs, kv_len;
};

TEST(SimCost, IsThatOfTheGraph) {
  for (const char* name :
       {"llama/llama.gguf", "llama_tied", "qwen2", "qwen2_bf16", "qwen3/qwen3.gguf", "qwen3moe", "gpt2"}) {
    for (const char* kv_type : {"f32", "f16"}) {
      SCOPED_TRACE(absl::StrCat(name, " ", kv_type));
      graph::Module module = Golden(name, kv_type);
      for (const bool fused : {false, true}) {
        if (fused) {
          ASSERT_TRUE(graph::Fuse([](const graph::Graph&, int32_t) { return true; }, &module).ok());
        }
        for (const Step& step : {Step{1, 1, 50}, {37, 1, 37}, {7, 3, 129}}) {
          ExpectTheSame(module.main,
                        {{"n_tokens", step.n_tokens},
                         {"n_seqs", step.n_seqs},
                         {"n_outputs", step.n_seqs},
                         {"n_blocks", 64},
                         {"max_blocks", 16}},
                        step.kv_len);
        }
      }
    }
  }
}

}  // namespace
}  // namespace concord::sim
