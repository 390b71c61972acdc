#include "ops/core/numerics.h"

// y = x · factor. Shapes: x, y [..].
namespace concord::ops {
namespace {

struct ScaleAttrs {
  double factor = 1;
  template <typename V>
  void Visit(V& v) {
    v("factor", factor);
  }
};

absl::Status InferScale(const ScaleAttrs&, Signature& s) {
  s.SetOut("y", s.In("x"));
  return absl::OkStatus();
}

void ReferenceScale(const ScaleAttrs& attrs, const RefArgs& args) {
  const TensorView &x = args["x"], &y = args["y"];
  for (int64_t r = 0; r < x.rows(); ++r) {
    std::vector<double> row = x.Row(r);
    for (double& v : row) v *= attrs.factor;
    y.WriteRow(r, row.data());
  }
}

double ToleranceScale(const OpCase&) { return 3 * kEpsF32; }  // the factor itself is rounded to f32

std::vector<OpCase> CasesScale() {
  return {
      {"scale", "7x333", {{"factor", 0.125}}, {In("x", {7, 333})}},
      {"scale", "heads", {{"factor", -3.7}}, {In("x", {3, 4, 33})}},
      {"scale", "no_rows", {{"factor", 2.0}}, {In("x", {0, 64})}},
  };
}

Cost CostScale(const ScaleAttrs&, const CostArgs& a) { return {.flops = 1.0 * a.dim("x", 0) * a.dim("x", -1)}; }

}  // namespace

CONCORD_DEFINE_OP(scale) {
  return OpBuilder<ScaleAttrs>("scale", 1, "y = x factor")
      .Input("x")
      .Output("y")
      .Infer(InferScale)
      .Reference(ReferenceScale)
      .Tolerance(ToleranceScale)
      .Cases(CasesScale)
      .Cost(CostScale)
      .Build();
}

}  // namespace concord::ops
