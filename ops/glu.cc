#include <algorithm>

#include "ops/core/glu_attrs.h"
#include "ops/core/numerics.h"

// Gated linear unit: y = act(gate) · up, with the clamps of the families that have them.
// Shapes: gate, up, y [n, d].
// act "silu": g · σ(alpha · g); "gelu_tanh": the tanh form of GELU; "relu".
// clamp "before": gate ← min(gate, limit), up ← clamp(up, ±limit); "after": act(gate) ← min(act(gate), limit), up as
// before; "none". plus_one: the factor is up + 1.   Source: Shazeer, arXiv:2002.05202; gpt-oss (silu, alpha 1.702).
namespace concord::ops {
namespace {

absl::Status InferGlu(const GluAttrs& attrs, Signature& s) {
  CONCORD_RETURN_IF_ERROR(s.ExpectDims("up", s.In("gate").dims));
  if (attrs.act != "silu" && attrs.act != "gelu_tanh" && attrs.act != "relu") {
    return absl::InvalidArgumentError(absl::StrCat("glu: act is '", attrs.act, "', want silu, gelu_tanh or relu"));
  }
  if (attrs.clamp != "none" && attrs.clamp != "before" && attrs.clamp != "after") {
    return absl::InvalidArgumentError(absl::StrCat("glu: clamp is '", attrs.clamp, "', want none, before or after"));
  }
  s.SetOut("y", s.In("gate"));
  return absl::OkStatus();
}

double Act(const GluAttrs& attrs, double g) {
  if (attrs.act == "gelu_tanh") return 0.5 * g * (1 + std::tanh(std::sqrt(2 / M_PI) * (g + 0.044715 * g * g * g)));
  if (attrs.act == "relu") return std::max(g, 0.0);
  return g / (1 + std::exp(-attrs.alpha * g));
}

void ReferenceGlu(const GluAttrs& attrs, const RefArgs& args) {
  const TensorView &gate = args["gate"], &up = args["up"], &y = args["y"];
  const bool before = attrs.clamp == "before", after = attrs.clamp == "after";
  for (int64_t r = 0; r < gate.rows(); ++r) {
    std::vector<double> row = gate.Row(r);
    const std::vector<double> factors = up.Row(r);
    for (int64_t i = 0; i < gate.cols(); ++i) {
      double g = Act(attrs, before ? std::min(row[i], attrs.limit) : row[i]);
      if (after) g = std::min(g, attrs.limit);
      const double u = before || after ? std::clamp(factors[i], -attrs.limit, attrs.limit) : factors[i];
      row[i] = g * (attrs.plus_one ? u + 1 : u);
    }
    y.WriteRow(r, row.data());
  }
}

double ToleranceGlu(const OpCase&) { return 32 * kEpsF32; }  // exp or tanh to 2 ulp, a division, five roundings

std::vector<OpCase> CasesGlu() {
  const Fill wide = [](CaseRng& rng, const TensorView& view) {
    std::vector<double> row(view.cols());
    for (int64_t r = 0; r < view.rows(); ++r) {
      for (double& v : row) v = rng.Uniform(-12, 12);
      view.WriteRow(r, row.data());
    }
  };
  std::vector<OpCase> cases = {
      {"glu", "silu_1x64", {}, {In("gate", {1, 64}), In("up", {1, 64})}},
      {"glu", "silu_5x333_wide", {}, {In("gate", {5, 333}, "f32", wide), In("up", {5, 333}, "f32", wide)}},
      {"glu",
       "gelu_tanh_5x333",
       {{"act", std::string("gelu_tanh")}},
       {In("gate", {5, 333}, "f32", wide), In("up", {5, 333})}},
      {"glu", "relu", {{"act", std::string("relu")}}, {In("gate", {5, 33}), In("up", {5, 33})}},
      {"glu",
       "oai",
       {{"alpha", 1.702}, {"limit", 7.0}, {"clamp", std::string("before")}, {"plus_one", int64_t{1}}},
       {In("gate", {5, 96}, "f32", wide), In("up", {5, 96}, "f32", wide)}},
      {"glu",
       "clamp_after",
       {{"limit", 3.0}, {"clamp", std::string("after")}},
       {In("gate", {5, 96}, "f32", wide), In("up", {5, 96}, "f32", wide)}},
      {"glu", "no_rows", {}, {In("gate", {0, 64}), In("up", {0, 64})}},
  };
  return cases;
}

Cost CostGlu(const GluAttrs&, const CostArgs& a) { return {.flops = 10.0 * a.dim("gate", 0) * a.dim("gate", -1)}; }

}  // namespace

CONCORD_DEFINE_OP(glu) {
  return OpBuilder<GluAttrs>("glu", 1, "gated linear unit: act(gate) up")
      .Input("gate")
      .Input("up")
      .Output("y")
      .Infer(InferGlu)
      .Reference(ReferenceGlu)
      .Tolerance(ToleranceGlu)
      .Cases(CasesGlu)
      .Cost(CostGlu)
      .Build();
}

}  // namespace concord::ops
