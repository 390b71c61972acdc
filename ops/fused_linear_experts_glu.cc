#include "ops/core/experts.h"
#include "ops/core/glu_attrs.h"

// y = act(x Wg[e]^T) · (x Wu[e]^T) for each expert e of a token: gate, up and the gated unit in one, as of
// fused_linear_glu.
// Shapes: x [n, d] or [n, k, d]; w_gate, w_up [E, d_ff, d] of the same packing; ids [n, k] i32; y [n, k, d_ff].
namespace concord::ops {
namespace {

// gate and up each carry the error of a dot; act' is at most about 1.1.
double ToleranceLinearExpertsGlu(const OpCase& c) {
  const int64_t n = c.dim("w_gate", 2);
  return 3 * DotTolerance(n, c.arithmetic) + 32 * kEpsF32;
}

OpCase GluCase(std::string name, int64_t n, int64_t d, const char* type) {
  constexpr int64_t kExperts = 5, kUsed = 3, kWidth = 67;
  return {"fused_linear_experts_glu",
          std::move(name),
          {},
          {In("x", {n, d}), In("w_gate", {kExperts, kWidth, d}, type), In("w_up", {kExperts, kWidth, d}, type),
           In("ids", {n, kUsed}, "i32", FillExperts(kExperts))}};
}

std::vector<OpCase> CasesLinearExpertsGlu() {
  std::vector<OpCase> cases;
  for (const char* type : {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k", "q6_k"}) {
    for (int64_t n : {1, 5, 40}) {
      for (const std::string& arithmetic : ArithmeticsOf(*packing::Find(type))) {
        OpCase c = GluCase(absl::StrCat(type, "_", n, "_", ArithmeticWord(arithmetic)), n, 256, type);
        c.arithmetic = arithmetic;
        cases.push_back(std::move(c));
      }
    }
  }
  cases.push_back(GluCase("oai", 3, 96, "f32"));
  cases.back().attrs = {{"alpha", 1.702}, {"limit", 7.0}, {"clamp", std::string("before")}, {"plus_one", int64_t{1}}};
  cases.push_back(GluCase("outside", 2, 64, "f32"));
  cases.back().inputs[3].fill = FillGiven({-1, 3, 5, 0, 2, 77});
  cases.push_back(GluCase("no_rows", 0, 64, "f32"));
  return cases;
}

}  // namespace

CONCORD_DEFINE_OP(fused_linear_experts_glu) {
  return OpBuilder<GluAttrs>("fused_linear_experts_glu", 1, "gate and up projections of experts and their gated unit")
      .Input("x")
      .Weight("w_gate")
      .Weight("w_up")
      .Input("ids")
      .Output("y")
      .Fuses({{"linear_experts", {{"x", "x"}, {"w", "w_gate"}, {"ids", "ids"}}, {{"y", "gate"}}, {}},
              {"linear_experts", {{"x", "x"}, {"w", "w_up"}, {"ids", "ids"}}, {{"y", "up"}}, {}},
              {"glu", {{"gate", "gate"}, {"up", "up"}}, {{"y", "y"}}, {"act", "clamp", "alpha", "limit", "plus_one"}}})
      .Tolerance(ToleranceLinearExpertsGlu)
      .Cases(CasesLinearExpertsGlu)
      .Build();
}

}  // namespace concord::ops
