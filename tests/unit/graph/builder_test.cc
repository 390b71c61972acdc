#include "runtime/graph/builder.h"

#include "gmock/gmock.h"
#include "runtime/graph/prune.h"
#include "tests/unit/graph/graph_testing.h"

namespace concord::graph {
namespace {

using ::testing::HasSubstr;
using testing::TinyLlama;
using testing::Type;

TEST(Builder, BuildsADecoder) {
  absl::StatusOr<Module> module = TinyLlama().Build();
  ASSERT_TRUE(module.ok()) << module.status();
  const Graph& g = module->main;
  EXPECT_EQ(g.nodes.size(), 1u + 2 * 16 + 3);
  for (const char* name : {"tokens", "positions", "q_start", "kv_len", "kv.slots", "kv.block_table", "output_rows"}) {
    ASSERT_NE(g.Find(name), kNoValue) << name;
    EXPECT_EQ(g.value(g.Find(name)).role, Role::kInput);
  }
  EXPECT_EQ(g.value(g.Find("q_start")).type.ToString(), "i32[n_seqs+1]");
  EXPECT_EQ(g.value(g.FindOutput("logits")).type.ToString(), "f32[n_outputs, 37]");
  EXPECT_EQ(g.value(g.Find("layers.1.kv.k")).type.ToString(), "f32[n_blocks, 2, 4, 8] kv.paged/1");
  ASSERT_EQ(module->state_groups.size(), 1u);
  EXPECT_EQ(module->state_groups[0].states.size(), 4u);
  EXPECT_EQ(module->weights.size(), 2u + 2 * 9 + 2);
  // A default attribute is not kept, and positions are read by both ropes of both layers.
  EXPECT_EQ(g.Readers(g.Find("positions")).size(), 4u);
  EXPECT_EQ(g.nodes[g.Producer(g.FindOutput("logits"))].attrs.values().size(), 0u);
  EXPECT_EQ(g.Producer(g.Find("tokens")), -1);
}

TEST(Builder, PrintsOneNodeALine) {
  absl::StatusOr<Module> module = TinyLlama().Build();
  ASSERT_TRUE(module.ok());
  const std::string text = ToText(module->main);
  EXPECT_THAT(text, HasSubstr("input positions  i32[n_tokens]\n"));
  EXPECT_THAT(text, HasSubstr(", layers.1.q, -) {heads=4}  f32[n_tokens, 4, 8]\n"));
  EXPECT_THAT(text, HasSubstr("# layers.0\n"));
  EXPECT_THAT(text, HasSubstr("output logits = %"));
}

TEST(Builder, TheFirstErrorSticksAndNamesItsScope) {
  Builder b("m");
  const ValueId x = b.Input("x", {ops::Dim::Symbol("n_tokens"), 48});
  {
    auto outer = b.Scope("layers.3");
    auto inner = b.Scope("mlp");
    const ValueId w = b.Weight("w", Type("f32", {8, 64}), {.tensor = "w"});
    EXPECT_EQ(b.Apply1("linear", {{"x", x}, {"w", w}}), kNoValue);
    EXPECT_EQ(b.Apply("kv_append", {}).size(), 2u);
  }
  b.Fail(absl::InternalError("later"));
  const absl::Status status = b.Finish().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("m: layers.3.mlp: linear: x is i32[n_tokens, 48] and w is f32[8, 64]"));
}

TEST(Builder, RefusesWrongUse) {
  const auto error = [](auto&& use) {
    Builder b("m");
    use(b, b.Input("x", {ops::Dim::Symbol("n"), 8}, "f32"));
    return std::string(b.Finish().status().message());
  };
  EXPECT_THAT(error([](Builder& b, ValueId x) { b.Apply1("nope", {{"x", x}}); }), HasSubstr("no op is called 'nope'"));
  EXPECT_THAT(error([](Builder& b, ValueId x) { b.Apply1("add", {{"a", x}}); }), HasSubstr("input b is missing"));
  EXPECT_THAT(error([](Builder& b, ValueId x) { b.Apply1("add", {{"q", x}}); }), HasSubstr("no input 'q'"));
  EXPECT_THAT(error([](Builder& b, ValueId x) { b.Apply1("add", {{"a", x}, {"a", x}}); }), HasSubstr("twice"));
  EXPECT_THAT(error([](Builder& b, ValueId x) {
                b.Apply1("linear", {{"x", x}, {"w", x}});
              }),
              HasSubstr("must be a weight"));
  EXPECT_THAT(error([](Builder& b, ValueId x) {
                b.Apply1("scale", {{"x", x}}, {{"factr", 1.0}});
              }),
              HasSubstr("'factr'"));
  EXPECT_THAT(error([](Builder& b, ValueId) { b.Input("x", {3}); }), HasSubstr("already"));
  EXPECT_THAT(error([](Builder& b, ValueId) { b.Input("y", {3}, "q9"); }), HasSubstr("unknown type 'q9'"));
  EXPECT_THAT(error([](Builder&, ValueId) {}), HasSubstr("no output"));
  EXPECT_THAT(error([](Builder& b, ValueId) { b.Output("y", 77); }), HasSubstr("'y' is no value"));
  EXPECT_THAT(error([](Builder& b, ValueId) { b.AppendAndAttend(0, 0, 0, 0, "f32", {}); }),
              HasSubstr("no state group 0"));
  EXPECT_THAT(error([](Builder& b, ValueId) {
                b.Weight("w", Type("f32", {8}), {.tensor = "a"});
                b.Weight("w", Type("f32", {8}), {.tensor = "b"});
              }),
              HasSubstr("two different values are named 'w'"));
}

TEST(Builder, AskingAgainGivesTheSameValue) {
  Builder b("m");
  EXPECT_EQ(b.Input("x", {3}), b.Input("x", {3}));
  EXPECT_EQ(b.Weight("w", Type("f32", {8}), {.tensor = "a"}), b.Weight("w", Type("f32", {8}), {.tensor = "a"}));
  EXPECT_EQ(b.Table("t", {1, 2}), b.Table("t", {1, 2}));
  EXPECT_TRUE(b.ok());
}

TEST(Builder, FinishPrunesWhatNothingReads) {
  TinyLlama tiny;
  tiny.b().Weight("unused", Type("f32", {8}), {.tensor = "unused"});
  tiny.b().Input("also_unused", {3});
  absl::StatusOr<Module> module = tiny.Build();
  ASSERT_TRUE(module.ok()) << module.status();
  EXPECT_EQ(module->main.Find("unused"), kNoValue);
  EXPECT_EQ(module->main.Find("also_unused"), kNoValue);
  absl::StatusOr<Module> whole = TinyLlama().Build();
  EXPECT_EQ(ToText(module->main), ToText(whole->main));
}

TEST(Prune, KeepsWhatTheWantedOutputsNeed) {
  absl::StatusOr<Module> module = TinyLlama().Build();
  ASSERT_TRUE(module.ok());
  ASSERT_TRUE(KeepOutputs({"hidden"}, &*module).ok());
  EXPECT_TRUE(Validate(*module).ok()) << Validate(*module);
  EXPECT_EQ(module->main.Find("head"), kNoValue);
  EXPECT_EQ(module->main.FindOutput("logits"), kNoValue);
  EXPECT_EQ(module->main.nodes.size(), 1u + 2 * 16 + 2);
  EXPECT_EQ(KeepOutputs({"nope"}, &*module).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace concord::graph
