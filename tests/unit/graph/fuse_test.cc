#include "runtime/graph/fuse.h"

#include <algorithm>
#include <cmath>

#include "tests/unit/graph/graph_testing.h"

namespace concord::graph {
namespace {

using testing::Bindings;
using testing::Compute;
using testing::TinyLlama;
using testing::Type;

const Accepts kAll = [](const Graph&, int32_t) { return true; };
const Accepts kNone = [](const Graph&, int32_t) { return false; };

int Count(const Graph& graph, const char* op) {
  return static_cast<int>(
      std::count_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node& n) { return n.op->name == op; }));
}

TEST(Fuse, ADecoderComputesTheSame) {
  for (const char* packing : {"f32", "q8_0"}) {
    testing::TinyShape shape = {.n_layers = 3, .d_model = 64, .d_ff = 96, .weight_packing = packing};
    Module module = *TinyLlama(shape).Build();
    const std::vector<double> before = Compute(module.main, Bindings::TinySymbols());
    absl::StatusOr<int> fused = Fuse(kAll, &module);
    ASSERT_TRUE(fused.ok()) << fused.status();
    EXPECT_EQ(*fused, 3 + 5);  // the sum after the last layer goes through take_rows first
    EXPECT_EQ(Count(module.main, "fused_linear_glu"), 3);
    EXPECT_EQ(Count(module.main, "fused_add_rms_norm"), 5);
    EXPECT_EQ(Count(module.main, "glu"), 0);
    EXPECT_EQ(Compute(module.main, Bindings::TinySymbols()), before);
    ASSERT_GT(before.size(), 100u);
    EXPECT_TRUE(std::all_of(before.begin(), before.end(), [](double v) { return std::isfinite(v); }));

    absl::StatusOr<int> unfused = Unfuse(kNone, &module);
    ASSERT_TRUE(unfused.ok()) << unfused.status();
    EXPECT_EQ(*unfused, 8);
    EXPECT_EQ(Count(module.main, "fused_linear_glu"), 0);
    EXPECT_EQ(Compute(module.main, Bindings::TinySymbols()), before);
  }
}

TEST(Fuse, TheDeviceDecides) {
  Module module = *TinyLlama().Build();
  const Module before = module;
  int asked = 0;
  absl::StatusOr<int> fused = Fuse(
      [&](const Graph& candidate, int32_t node) {
        ++asked;
        EXPECT_TRUE(Validate(candidate).ok()) << Validate(candidate);
        return candidate.nodes[node].op->name == "fused_add_rms_norm" && candidate.nodes[node].scope == "layers.1";
      },
      &module);
  ASSERT_TRUE(fused.ok());
  EXPECT_EQ(*fused, 2);
  EXPECT_EQ(asked, 5);
  Module untouched = before;
  ASSERT_EQ(*Fuse(kNone, &untouched), 0);
  EXPECT_TRUE(untouched == before);
  ASSERT_EQ(*Unfuse(kNone, &untouched), 0);
  EXPECT_TRUE(untouched == before);
}

// x [n, 8] and what a test adds to it.
struct Small {
  Builder b{"m"};
  ValueId x = b.Input("x", {ops::Dim::Symbol("n"), 8}, "f32");
  ValueId y = b.Input("y", {ops::Dim::Symbol("n"), 8}, "f32");
  ValueId Norm(ValueId v) {
    return b.Apply1("rms_norm", {{"x", v}, {"w", b.Weight("norm", Type("f32", {8}), {.tensor = "n"})}});
  }
  ValueId Linear(const char* name, ValueId v, const char* packing = "f32", int64_t width = 8) {
    return b.Apply1("linear", {{"x", v}, {"w", b.Weight(name, Type(packing, {width, 8}), {.tensor = name})}});
  }
  ValueId Add(ValueId p, ValueId q) { return b.Apply1("add", {{"a", p}, {"b", q}}); }
  ValueId Glu(ValueId gate, ValueId up, ops::Attrs attrs = {}) {
    return b.Apply1("glu", {{"gate", gate}, {"up", up}}, attrs);
  }

  // Fuses what was built; the results must stay the same.
  int Fused() {
    absl::StatusOr<Module> module = b.Finish();
    EXPECT_TRUE(module.ok()) << module.status();
    if (!module.ok()) return -1;
    const std::vector<double> before = Compute(module->main, {{"n", 3}});
    absl::StatusOr<int> fused = Fuse(kAll, &*module);
    EXPECT_TRUE(fused.ok()) << fused.status();
    EXPECT_EQ(Compute(module->main, {{"n", 3}}), before);
    graph = module->main;
    return fused.ok() ? *fused : -1;
  }
  Graph graph;
};

TEST(Fuse, ASumThatIsReadElsewhereStaysVisible) {
  Small s;
  const ValueId sum = s.Add(s.x, s.y);
  const ValueId between = s.b.Apply1("scale", {{"x", sum}}, {{"factor", 2.0}});  // reads the sum before the norm stands
  const ValueId other = s.b.Apply1("scale", {{"x", s.x}}, {{"factor", 3.0}});
  const ValueId norm = s.Norm(sum);
  s.b.Output("a", s.Add(s.Add(norm, between), other));
  s.b.Output("sum", sum);
  EXPECT_EQ(s.Fused(), 1);
}

TEST(Fuse, OneVariableIsOneValue) {
  Small s;
  const ValueId gate = s.Linear("gate", s.x);
  const ValueId x2 = s.b.Apply1("scale", {{"x", s.x}});
  s.b.Output("y", s.Glu(gate, s.Linear("up", x2)));
  EXPECT_EQ(s.Fused(), 0);
}

TEST(Fuse, InternalValuesMustBeInternal) {
  Small read_twice;
  const ValueId gate = read_twice.Linear("gate", read_twice.x);
  read_twice.b.Output("y", read_twice.Add(gate, read_twice.Glu(gate, read_twice.Linear("up", read_twice.x))));
  EXPECT_EQ(read_twice.Fused(), 0);

  Small output;
  const ValueId up = output.Linear("up", output.x);
  output.b.Output("y", output.Glu(output.Linear("gate", output.x), up));
  output.b.Output("up", up);
  EXPECT_EQ(output.Fused(), 0);

  Small same;
  const ValueId one = same.Linear("gate", same.x);
  same.b.Output("y", same.Glu(one, one));
  EXPECT_EQ(same.Fused(), 0);
}

TEST(Fuse, AttributesMoveOrPrevent) {
  Small s;
  s.b.Output("y",
             s.Glu(s.Linear("gate", s.x), s.Linear("up", s.x), {{"act", std::string("gelu_tanh")}, {"alpha", 1.5}}));
  ASSERT_EQ(s.Fused(), 1);
  EXPECT_EQ(s.graph.nodes[0].attrs.ToString(), "{act=gelu_tanh, alpha=1.5}");

  Small heads;  // the fused op has no heads
  const auto linear = [&](const char* name) {
    return heads.b.Apply1("linear",
                          {{"x", heads.x}, {"w", heads.b.Weight(name, Type("f32", {8, 8}), {.tensor = name})}},
                          {{"heads", int64_t{2}}});
  };
  heads.b.Output("y", heads.Glu(linear("gate"), linear("up")));
  EXPECT_EQ(heads.Fused(), 0);

  Small bias;  // nor a bias
  const ValueId b = bias.b.Weight("b", Type("f32", {8}), {.tensor = "b"}),
                w = bias.b.Weight("w", Type("f32", {8, 8}), {.tensor = "w"});
  bias.b.Output("y",
                bias.Glu(bias.b.Apply1("linear", {{"x", bias.x}, {"w", w}, {"bias", b}}), bias.Linear("up", bias.x)));
  EXPECT_EQ(bias.Fused(), 0);
}

TEST(Fuse, MatricesOfOneOpHaveOnePacking) {
  Small s;
  s.b.Output("y", s.Glu(s.Linear("gate", s.x, "f16"), s.Linear("up", s.x, "f32")));
  EXPECT_EQ(s.Fused(), 0);
}

TEST(Fuse, OneRowForAllCanOnlyBeTheSecondArgument) {
  Small s;
  const ValueId bias = s.b.Weight("bias", Type("f32", {8}), {.tensor = "bias"});
  s.b.Output("y", s.Norm(s.Add(s.x, bias)));
  s.b.Output("z", s.b.Apply1("rms_norm", {{"x", s.Add(s.x, s.x)}}));  // without a weight: no pattern
  EXPECT_EQ(s.Fused(), 1);
}

TEST(Fuse, RandomGraphsComputeTheSame) {
  ops::CaseRng rng(7);
  int fused = 0;
  for (int round = 0; round < 200; ++round) {
    Small s;
    std::vector<ValueId> values = {s.x, s.y};
    const auto pick = [&] {
      return values[static_cast<size_t>(rng.Int(std::max<int64_t>(0, static_cast<int64_t>(values.size()) - 5),
                                                static_cast<int64_t>(values.size()) - 1))];
    };
    for (int i = 0; i < 24; ++i) {
      const ValueId v = pick();
      switch (rng.Int(0, 3)) {
        case 0:
          values.push_back(s.Norm(v));
          break;
        case 1:
          values.push_back(s.Add(v, pick()));
          break;
        case 2: {
          const std::string id = absl::StrCat(i);
          values.push_back(s.Glu(s.Linear(("g" + id).c_str(), v), s.Linear(("u" + id).c_str(), v)));
          break;
        }
        default:
          values.push_back(s.Norm(s.Add(v, pick())));
      }
    }
    s.b.Output("y", values.back());
    s.b.Output("z", s.Add(values[values.size() / 2], values.back()));
    fused += s.Fused();
  }
  EXPECT_GT(fused, 400);
}

TEST(ExtractNode, IsAGraphOfItsOwn) {
  const Module module = *TinyLlama().Build();
  for (const Node& node : module.main.nodes) {
    const Graph one = ExtractNode(module.main, node);
    ASSERT_TRUE(Validate(one).ok()) << node.op->name << ": " << Validate(one);
    EXPECT_EQ(one.nodes.size(), 1u);
  }
}

}  // namespace
}  // namespace concord::graph
