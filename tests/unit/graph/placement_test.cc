#include "runtime/graph/placement.h"

#include "gmock/gmock.h"
#include "tests/unit/graph/graph_testing.h"

namespace concord::graph {
namespace {

using ::testing::HasSubstr;
using testing::TinyLlama;
using What = PlaceRule::What;

std::string ParseError(const std::string& text) { return std::string(ParsePlacement(text).status().message()); }

TEST(Placement, RulesAreRead) {
  const auto rules = ParsePlacement("layers 0-7=vulkan:0; layers 8 = opencl:0 ;experts=cpu;embed=a;output=b; *=cpu;");
  ASSERT_TRUE(rules.ok()) << rules.status();
  const std::vector<PlaceRule> want = {{What::kLayers, 0, 7, "vulkan:0", 0}, {What::kLayers, 8, 8, "opencl:0", 21},
                                       {What::kExperts, 0, 0, "cpu", 42},    {What::kEmbed, 0, 0, "a", 54},
                                       {What::kOutput, 0, 0, "b", 62},       {What::kAll, 0, 0, "cpu", 72}};
  EXPECT_EQ(*rules, want);
}

TEST(Placement, MistakesAreNamedWithTheirPlace) {
  EXPECT_THAT(ParseError(""), HasSubstr("at position 1, where it ends: want WHAT=DEVICE"));
  EXPECT_THAT(ParseError("*=cpu; layer 3=cpu"), HasSubstr("at position 8, 'layer 3': want 'layers N'"));
  EXPECT_THAT(ParseError("layers 3"), HasSubstr("at position 1, 'layers 3': want WHAT=DEVICE"));
  EXPECT_THAT(ParseError("layers x-3=cpu"), HasSubstr("'x-3': want numbers of layers"));
  EXPECT_THAT(ParseError("layers 5-3=cpu"), HasSubstr("'5-3': want the lower layer first"));
  EXPECT_THAT(ParseError("layers -3=cpu"), HasSubstr("want numbers of layers"));
  EXPECT_THAT(ParseError("*="), HasSubstr("at position 3, where it ends: want the name of a device"));
  EXPECT_THAT(ParseError("*=a=b"), HasSubstr("want the name of a device"));
  EXPECT_THAT(ParseError(";;*=cpu"), HasSubstr("at position 1, where it ends"));
}

// Which rule decides: embed, each layer, output.
std::vector<int32_t> Applied(const std::string& text, int64_t layers) {
  const Graph g = TinyLlama({.n_layers = layers}).Build()->main;
  const auto rule_of = ApplyPlacement(g, ParsePlacement(text).value());
  EXPECT_TRUE(rule_of.ok()) << rule_of.status();
  if (!rule_of.ok()) return {};
  std::map<int64_t, int32_t> by_unit;
  const std::vector<Unit> units = UnitsOf(g);
  for (size_t n = 0; n < units.size(); ++n) {
    EXPECT_EQ(by_unit.emplace(units[n].layer, (*rule_of)[n]).first->second, (*rule_of)[n]);
  }
  std::vector<int32_t> result;
  for (const auto& [unit, rule] : by_unit) result.push_back(rule);
  return result;
}

TEST(Placement, TheClosestAndFirstRuleDecides) {
  EXPECT_EQ(Applied("*=a", 2), (std::vector<int32_t>{0, 0, 0, 0}));
  EXPECT_EQ(Applied("*=a; layers 1-2=b; output=c; layers 2=d", 3), (std::vector<int32_t>{0, 0, 1, 1, 2}));
  EXPECT_EQ(Applied("layers 0-1=a; embed=b; output=c", 2), (std::vector<int32_t>{1, 0, 0, 2}));
}

// What is written reads back as what it was.
TEST(Placement, AnAssignmentIsWrittenAsRules) {
  EXPECT_EQ(PlacementText({0, 0, 0, 0}, {"cpu:0"}), "*=cpu:0");
  const std::vector<int32_t> units = {0, 1, 1, 0, 2};
  const std::string text = PlacementText(units, {"a:0", "b:0", "c:1"});
  EXPECT_EQ(text, "embed=a:0; layers 0-1=b:0; layers 2=a:0; output=c:1");
  const std::vector<PlaceRule> rules = ParsePlacement(text).value();
  const std::vector<int32_t> rule_of = Applied(text, 3);
  ASSERT_EQ(rule_of.size(), units.size());
  for (size_t u = 0; u < units.size(); ++u) EXPECT_EQ(rules[rule_of[u]].device[0], "abc"[units[u]]);
  EXPECT_EQ(UnitsText({true, true, true, false, false}), "embed, layers 0-1");
  EXPECT_EQ(UnitsText({false, false, true, false, true}), "layers 1, output");
}

TEST(Placement, ExpertsAreWhatLiesBetweenRouterAndResidual) {
  Builder b("moe");
  const ops::Dim n = ops::Dim::Symbol(ops::kNTokens);
  const ValueId x = b.Input("x", {n, 64}, "f32");
  const auto weight = [&](const char* name, std::vector<ops::Dim> dims) {
    return b.Weight(name, {packing::Find("f32"), std::move(dims), ""}, {.tensor = name});
  };
  {
    auto scope = b.Scope("layers.0");
    const ValueId logits = b.Apply1("linear", {{"x", x}, {"w", weight("router", {8, 64})}});
    const std::vector<ValueId> routed = b.Apply("moe_route", {{"logits", logits}}, {{"k", int64_t{2}}});
    const auto experts = [&](ValueId in, const char* name, int64_t out, int64_t width) {
      return b.Apply1("linear_experts", {{"x", in}, {"w", weight(name, {8, out, width})}, {"ids", routed[0]}});
    };
    const ValueId gate = experts(x, "gate", 32, 64), up = experts(x, "up", 32, 64);
    const ValueId h = experts(b.Apply1("glu", {{"gate", gate}, {"up", up}}), "down", 64, 32);
    const ValueId y = b.Apply1("weighted_sum", {{"x", h}, {"w", routed[1]}});
    b.Output("y", b.Apply1("add", {{"a", x}, {"b", y}}));
  }
  const absl::StatusOr<Module> module = b.Finish();
  ASSERT_TRUE(module.ok()) << module.status();
  std::string experts;
  const std::vector<Unit> units = UnitsOf(module->main);
  for (size_t node = 0; node < units.size(); ++node) {
    if (units[node].expert) absl::StrAppend(&experts, module->main.nodes[node].op->name, " ");
  }
  EXPECT_EQ(experts, "linear_experts linear_experts glu linear_experts weighted_sum ");
}

TEST(Placement, RulesThatNameNothingAndPartsThatNobodyNamesAreErrors) {
  const Graph g = TinyLlama({.n_layers = 2}).Build()->main;
  const auto error = [&](const char* text) {
    return std::string(ApplyPlacement(g, ParsePlacement(text).value()).status().message());
  };
  EXPECT_THAT(error("*=cpu; layers 2-3=gpu"),
              HasSubstr("position 8 (gpu) names nothing of tiny, which has layers 0 to 1"));
  EXPECT_THAT(error("experts=gpu; *=cpu"), HasSubstr("and no experts"));
  EXPECT_THAT(error("layers 0=gpu; embed=cpu; output=cpu"), HasSubstr("nothing is said of 'layers 1'"));
}

}  // namespace
}  // namespace concord::graph
