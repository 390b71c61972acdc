#include "ops/core/op.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace concord::ops {
namespace {

using ::testing::HasSubstr;

// Buffers of one case: inputs filled from its seed, outputs sized by the shape rule.
struct CaseRun {
  explicit CaseRun(const OpCase& c) : op(*FindOp(c.op)), signature(op), args(op, c.arithmetic) {
    CaseRng rng(c.seed());
    for (const CaseTensor& t : c.inputs) {
      const packing::Packing* packing = packing::Find(t.packing.c_str());
      TensorType type{packing, {}, op.FindInput(t.slot)->state ? c.layout : ""};
      for (int64_t d : t.dims) type.dims.emplace_back(d);
      signature.SetIn(t.slot, type);
      TensorView view = Add(packing, t.dims);
      t.fill(rng, view);
      args.Set(t.slot, view);
    }
    status = op.infer(op.Complete(c.attrs), signature);
    if (!status.ok()) return;
    for (const Slot& slot : op.outputs) {
      const TensorType& type = signature.Out(slot.name);
      std::vector<int64_t> dims;
      for (const Dim& d : type.dims) dims.push_back(d.value);
      args.Set(slot.name, slot.alias_of.empty() ? Add(type.packing, dims) : args[slot.alias_of]);
    }
    op.reference(op.Complete(c.attrs), args);
  }

  TensorView Add(const packing::Packing* packing, const std::vector<int64_t>& dims) {
    TensorView sized(packing, dims, nullptr);
    buffers.emplace_back(sized.size_bytes() + 1);
    return TensorView(packing, dims, buffers.back().data());
  }

  const OpDef& op;
  Signature signature;
  RefArgs args;
  absl::Status status;
  std::vector<std::vector<std::byte>> buffers;
};

TEST(Ops, DefinitionsAreComplete) {
  for (const OpDef& op : AllOps()) {
    SCOPED_TRACE(op.name);
    EXPECT_EQ(FindOp(op.name), &op);
    EXPECT_TRUE(op.infer != nullptr && op.reference != nullptr);
    EXPECT_FALSE(op.outputs.empty());
    EXPECT_FALSE(op.doc.empty());
    std::set<std::string> names;
    for (const OpCase& c : op.cases()) {
      EXPECT_EQ(c.op, op.name);
      EXPECT_TRUE(names.insert(c.name).second) << "two cases are called " << c.name;
      EXPECT_TRUE(op.CheckAttrs(c.attrs).ok()) << op.CheckAttrs(c.attrs);
      EXPECT_LT(op.tolerance(c), 1e-2) << "a 1 % fault would pass " << c.name;
    }
    EXPECT_GE(names.size(), 3u);
  }
}

TEST(Ops, EveryCaseRunsAndGivesFiniteValues) {
  for (const OpDef& op : AllOps()) {
    for (const OpCase& c : op.cases()) {
      SCOPED_TRACE(c.full_name());
      CaseRun run(c);
      ASSERT_TRUE(run.status.ok()) << run.status;
      for (const Slot& slot : op.outputs) {
        const TensorView& y = run.args[slot.name];
        for (int64_t r = 0; r < y.rows(); ++r) {
          for (double v : y.Row(r)) ASSERT_TRUE(std::isfinite(v));
        }
      }
    }
  }
}

// Independent closed forms for small inputs: the references judge everything else, so they are judged here.
TEST(Ops, RmsNormByHand) {
  OpCase c{"rms_norm",
           "hand",
           {{"eps", 0.0}, {"add_one", int64_t{1}}},
           {{"x",
             "f32",
             {1, 2},
             [](CaseRng&, const TensorView& v) {
               const double x[] = {3, 4};
               v.WriteRow(0, x);
             }},
            {"w", "f32", {2}, [](CaseRng&, const TensorView& v) {
               const double w[] = {0, 1};
               v.WriteRow(0, w);
             }}}};
  const std::vector<double> y = CaseRun(c).args["y"].Row(0);
  EXPECT_NEAR(y[0], 3 / std::sqrt(12.5), 1e-6);
  EXPECT_NEAR(y[1], 8 / std::sqrt(12.5), 1e-6);
}

TEST(Ops, AttentionOfOneKeyIsItsValue) {
  for (const OpCase& c : FindOp("attention")->cases()) {
    if (c.name != "first_token") continue;
    CaseRun run(c);
    const TensorView &v = run.args["v_cache"], &y = run.args["y"];
    const int64_t block = run.args["block_table"].Int(0);
    for (int64_t h = 0; h < y.rows(); ++h) EXPECT_EQ(y.Row(h), v.Row((block * v.dim(1) + h) * v.dim(2)));
  }
}

TEST(Ops, RopeKeepsLengthsAndPositionZero) {
  for (const OpCase& c : FindOp("rope")->cases()) {
    CaseRun run(c);
    const double factor = c.attrs.Find("attn_factor") ? std::get<double>(*c.attrs.Find("attn_factor")) : 1;
    if (factor != 1) continue;
    const TensorView &x = run.args["x"], &y = run.args["y"];
    for (int64_t r = 0; r < x.rows(); ++r) {
      double before = 0, after = 0;
      for (double v : x.Row(r)) before += v * v;
      for (double v : y.Row(r)) after += v * v;
      EXPECT_NEAR(before, after, 1e-4 * before) << c.full_name();
    }
  }
}

TEST(Ops, ShapeErrorsNameOpSlotGotAndWanted) {
  const OpDef& linear = *FindOp("linear");
  Signature s(linear);
  const packing::Packing* f32 = packing::Find("f32");
  s.SetIn("x", {f32, {Dim::Symbol(kNTokens), Dim(64)}, ""});
  s.SetIn("w", {f32, {Dim(32), Dim(65)}, ""});
  const absl::Status status = linear.infer(linear.defaults, s);
  EXPECT_THAT(std::string(status.message()), HasSubstr("linear: x is f32[n_tokens, 64] and w is f32[32, 65]"));
}

TEST(Ops, AttributesAreChecked) {
  const OpDef& glu = *FindOp("glu");
  EXPECT_THAT(std::string(glu.CheckAttrs({{"actt", std::string("silu")}}).message()), HasSubstr("no attribute 'actt'"));
  EXPECT_THAT(std::string(glu.CheckAttrs({{"limit", std::string("x")}}).message()), HasSubstr("of another kind"));
}

// z = 3, 1, 2 of which two are taken: the scores of 0 and 2, in that order, made to sum to 1; with a bias that lifts 1
// above both, 1 and 0, with scores that do not know of it.
TEST(Ops, MoeRouteByHand) {
  const auto given = [](std::vector<double> values) {
    return [values](CaseRng&, const TensorView& v) { v.WriteRow(0, values.data()); };
  };
  OpCase c{"moe_route", "hand", {{"k", int64_t{2}}, {"normalise", int64_t{1}}}, {}};
  c.inputs = {{"logits", "f32", {1, 3}, given({3, 1, 2})}};
  const CaseRun plain(c);
  EXPECT_EQ(plain.args["ids"].Int(0), 0);
  EXPECT_EQ(plain.args["ids"].Int(1), 2);
  EXPECT_NEAR(plain.args["weights"].Row(0)[0], std::exp(3) / (std::exp(3) + std::exp(2)), 1e-7);
  c.inputs.push_back({"bias", "f32", {3}, given({0, 2, 0})});
  const CaseRun biased(c);
  EXPECT_EQ(biased.args["ids"].Int(0), 1);
  EXPECT_EQ(biased.args["ids"].Int(1), 0);
  EXPECT_NEAR(biased.args["weights"].Row(0)[0], std::exp(1) / (std::exp(3) + std::exp(1)), 1e-7);
}

TEST(Ops, MoeRouteRefusesWhatCannotBeTaken) {
  const OpDef& route = *FindOp("moe_route");
  const auto message = [&](Attrs attrs) {
    Signature s(route);
    s.SetIn("logits", {packing::Find("f32"), {Dim::Symbol(kNTokens), Dim(12)}, ""});
    return std::string(route.infer(route.Complete(attrs), s).message());
  };
  EXPECT_EQ(message({{"k", int64_t{12}}}), "");
  EXPECT_THAT(message({{"k", int64_t{13}}}), HasSubstr("k is 13 of 12 experts"));
  EXPECT_THAT(message({{"func", std::string("relu")}}), HasSubstr("want softmax, sigmoid"));
  EXPECT_THAT(message({{"groups", int64_t{5}}}), HasSubstr("1 of 5 groups cannot be taken of 12"));
  EXPECT_THAT(message({{"groups", int64_t{6}}, {"k", int64_t{3}}}), HasSubstr("too few for k 3"));
}

// A fused op is its parts: computed apart through f32 temporaries it gives the same.
TEST(Ops, FusedReferenceEqualsParts) {
  for (const OpCase& c : FindOp("fused_add_rms_norm")->cases()) {
    CaseRun run(c);
    const TensorView &a = run.args["a"], &b = run.args["b"], &sum = run.args["sum"];
    for (int64_t r = 0; r < a.rows(); ++r) {
      for (int64_t i = 0; i < a.cols(); ++i) EXPECT_NEAR(sum.Row(r)[i], a.Row(r)[i] + b.Row(r)[i], 1e-6);
    }
  }
}

}  // namespace
}  // namespace concord::ops
