#include "ops/core/glu_attrs.h"
#include "ops/core/numerics.h"

// y = act(x Wg^T) · (x Wu^T): gate, up and the gated unit of a feed-forward block in one, so that the activations are
// rounded once (arithmetic int8/32) and the two wide intermediates never reach memory.
// Shapes: x [n, d]; w_gate, w_up [d_ff, d] of the same packing; y [n, d_ff].
namespace concord::ops {
namespace {

// gate and up each carry the error of a dot; act' is at most about 1.1.
double ToleranceLinearGlu(const OpCase& c) {
  const int64_t n = c.dim("w_gate", 1);
  return 3 * DotTolerance(n, c.arithmetic) + 32 * kEpsF32;
}

std::vector<OpCase> CasesLinearGlu() {
  std::vector<OpCase> cases;
  for (const char* type : {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k", "q6_k"}) {
    for (int64_t n : {1, 5, 9, 40}) {
      for (const std::string& arithmetic : ArithmeticsOf(*packing::Find(type))) {
        OpCase c{"fused_linear_glu",
                 absl::StrCat(type, "_", n, "_", ArithmeticWord(arithmetic)),
                 {},
                 {In("x", {n, 256}), In("w_gate", {67, 256}, type), In("w_up", {67, 256}, type)}};
        c.arithmetic = arithmetic;
        cases.push_back(std::move(c));
      }
    }
  }
  cases.push_back({"fused_linear_glu",
                   "oai",
                   {{"alpha", 1.702}, {"limit", 7.0}, {"clamp", std::string("before")}, {"plus_one", int64_t{1}}},
                   {In("x", {3, 96}), In("w_gate", {33, 96}), In("w_up", {33, 96})}});
  cases.push_back(
      {"fused_linear_glu", "no_rows", {}, {In("x", {0, 64}), In("w_gate", {33, 64}), In("w_up", {33, 64})}});
  return cases;
}

}  // namespace

CONCORD_DEFINE_OP(fused_linear_glu) {
  return OpBuilder<GluAttrs>("fused_linear_glu", 1, "gate and up projections and their gated unit")
      .Input("x")
      .Weight("w_gate")
      .Weight("w_up")
      .Output("y")
      .Fuses({{"linear", {{"x", "x"}, {"w", "w_gate"}}, {{"y", "gate"}}, {}},
              {"linear", {{"x", "x"}, {"w", "w_up"}}, {{"y", "up"}}, {}},
              {"glu", {{"gate", "gate"}, {"up", "up"}}, {{"y", "y"}}, {"act", "clamp", "alpha", "limit", "plus_one"}}})
      .Tolerance(ToleranceLinearGlu)
      .Cases(CasesLinearGlu)
      .Build();
}

}  // namespace concord::ops
