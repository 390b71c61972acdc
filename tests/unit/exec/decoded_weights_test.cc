#include "runtime/exec/decoded_weights.h"

#include <gtest/gtest.h>

#include <set>

#include "runtime/graph/builder.h"

namespace concord::exec {
namespace {

using graph::Graph;
using graph::ValueId;

// A table that is both embedding and head, as in models with tied weights.
Graph TiedGraph(const char* packing) {
  graph::Builder b("tied");
  const ops::Dim n = ops::Dim::Symbol(ops::kNTokens);
  const ValueId table = b.Weight("table", {packing::Find(packing), {64, 256}, ""}, {.tensor = "table"});
  const ValueId x = b.Apply1("embed", {{"ids", b.Input("tokens", {n})}, {"table", table}});
  b.Output("logits", b.Apply1("linear", {{"x", x}, {"w", table}}));
  absl::StatusOr<graph::Module> module = b.Finish();
  EXPECT_TRUE(module.ok()) << module.status();
  return std::move(module->main);
}

// A device that takes these packings for each op.
TakesNode Takes(std::set<std::string> embed, std::set<std::string> linear) {
  return [=](const Graph& g) {
    const bool is_embed = g.nodes[0].op->name == "embed";
    const graph::Value& w = g.value(g.nodes[0].inputs[1]);
    return (is_embed ? embed : linear).count(w.type.packing->name) > 0;
  };
}

const char* TableType(const Graph& g) { return g.value(g.Find("table")).type.packing->name; }

TEST(DecodedWeights, F16WhereItIsTakenForAllReaders) {
  Graph g = TiedGraph("q4_k");
  std::vector<DecodedWeight> decoded;
  const TakesNode takes = Takes({"f16", "f32"}, {"f16", "f32"});
  EXPECT_TRUE(DecodeWeightsOf(0, "no q4_k", takes, &g, &decoded));
  EXPECT_STREQ(TableType(g), "f16");
  EXPECT_FALSE(DecodeWeightsOf(1, "no q4_k", takes, &g, &decoded));  // already helped
  EXPECT_STREQ(TableType(g), "f16");
  ASSERT_EQ(decoded.size(), 1u);
  EXPECT_EQ(decoded[0].name, "table");
  EXPECT_EQ(decoded[0].extra_bytes, 64 * 256 * 2 - 64 * 144);
  EXPECT_EQ(DecodedSentence(decoded, "x:0"), "1 tensor decoded to f16 for x:0: +0.0 MiB (no q4_k)");
}

TEST(DecodedWeights, F32WhereOnlyThatIsTaken) {
  Graph g = TiedGraph("bf16");
  std::vector<DecodedWeight> decoded;
  EXPECT_TRUE(DecodeWeightsOf(0, "no bf16", Takes({"f32"}, {"f32"}), &g, &decoded));
  EXPECT_STREQ(TableType(g), "f32");
  EXPECT_EQ(decoded[0].extra_bytes, 64 * 256 * 2);
}

// The embedding goes to f16, the head then asks for f32: one record, against the file.
TEST(DecodedWeights, ASecondReaderMayNeedMore) {
  Graph g = TiedGraph("q8_0");
  std::vector<DecodedWeight> decoded;
  const TakesNode takes = Takes({"f16", "f32"}, {"f32"});
  EXPECT_TRUE(DecodeWeightsOf(0, "a", takes, &g, &decoded));
  EXPECT_STREQ(TableType(g), "f16");
  EXPECT_TRUE(DecodeWeightsOf(1, "b", takes, &g, &decoded));
  EXPECT_STREQ(TableType(g), "f32");
  ASSERT_EQ(decoded.size(), 1u);
  EXPECT_STREQ(decoded[0].from->name, "q8_0");
  EXPECT_STREQ(decoded[0].to->name, "f32");
  EXPECT_EQ(decoded[0].extra_bytes, 64 * 256 * 4 - 64 * 8 * 34);
}

TEST(DecodedWeights, NothingChangesWhereItIsNoHelp) {
  Graph g = TiedGraph("q4_k");
  const Graph before = g;
  std::vector<DecodedWeight> decoded;
  EXPECT_FALSE(DecodeWeightsOf(0, "no embed", Takes({}, {}), &g, &decoded));
  EXPECT_EQ(g, before);
  EXPECT_EQ(DecodedSentence(decoded, "x:0"), "");
}

}  // namespace
}  // namespace concord::exec
