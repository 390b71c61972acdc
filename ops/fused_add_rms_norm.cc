#include "ops/core/numerics.h"
#include "ops/core/rms_norm_attrs.h"

// sum = a + b; y = rms_norm(sum, w): the residual connection and the norm after it in one pass over the row.
// Shapes: a, b, sum, y [n, d]; w [d].
namespace concord::ops {
namespace {

double ToleranceAddRmsNorm(const OpCase& c) { return kEpsF32 * (10.0 + 0.5 * c.dim("a", -1)); }

std::vector<OpCase> CasesAddRmsNorm() {
  return {
      {"fused_add_rms_norm", "1x64", {}, {In("a", {1, 64}), In("b", {1, 64}), In("w", {64})}},
      {"fused_add_rms_norm", "5x2048", {{"eps", 1e-5}}, {In("a", {5, 2048}), In("b", {5, 2048}), In("w", {2048})}},
      {"fused_add_rms_norm",
       "3x333_add_one",
       {{"add_one", int64_t{1}}},
       {In("a", {3, 333}), In("b", {3, 333}), In("w", {333})}},
      {"fused_add_rms_norm", "no_rows", {}, {In("a", {0, 64}), In("b", {0, 64}), In("w", {64})}},
  };
}

}  // namespace

CONCORD_DEFINE_OP(fused_add_rms_norm) {
  return OpBuilder<RmsNormAttrs>("fused_add_rms_norm", 1, "residual sum and its rms_norm")
      .Input("a")
      .Input("b")
      .Weight("w")
      .Output("sum")
      .Output("y")
      .Fuses({{"add", {{"a", "a"}, {"b", "b"}}, {{"y", "sum"}}, {}},
              {"rms_norm", {{"x", "sum"}, {"w", "w"}}, {{"y", "y"}}, {"eps", "add_one"}}})
      .Tolerance(ToleranceAddRmsNorm)
      .Cases(CasesAddRmsNorm)
      .Build();
}

}  // namespace concord::ops
