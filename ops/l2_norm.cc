#include "ops/core/numerics.h"

// y[i] = x[i] / sqrt(sum(x^2) + eps), rows of the last dim: a sum, not a mean.
// Shapes: x, y [.., d].   Source: Yang, Kautz & Hatamizadeh, Gated Delta Networks, arXiv:2412.06464 (q and k).
namespace concord::ops {
namespace {

struct L2NormAttrs {
  double eps = 1e-6;
  template <typename V>
  void Visit(V& v) {
    v("eps", eps);
  }
};

absl::Status InferL2Norm(const L2NormAttrs&, Signature& s) {
  s.SetOut("y", s.In("x"));
  return absl::OkStatus();
}

void ReferenceL2Norm(const L2NormAttrs& attrs, const RefArgs& args) {
  const TensorView &x = args["x"], &y = args["y"];
  for (int64_t r = 0; r < x.rows(); ++r) {
    std::vector<double> row = x.Row(r);
    double sum_sq = 0;
    for (double v : row) sum_sq += v * v;
    for (double& v : row) v /= std::sqrt(sum_sq + attrs.eps);
    y.WriteRow(r, row.data());
  }
}

double ToleranceL2Norm(const OpCase& c) { return kEpsF32 * (8.0 + 0.5 * c.dim("x", -1)); }

std::vector<OpCase> CasesL2Norm() {
  return {
      {"l2_norm", "1x64", {}, {In("x", {1, 64})}},
      {"l2_norm", "7x16x128", {}, {In("x", {7, 16, 128})}},
      {"l2_norm", "5x333", {{"eps", 1e-3}}, {In("x", {5, 333})}},
      {"l2_norm", "no_rows", {}, {In("x", {0, 64})}},
  };
}

Cost CostL2Norm(const L2NormAttrs&, const CostArgs& a) { return {.flops = 3.0 * a.dim("x", 0) * a.dim("x", -1)}; }

}  // namespace

CONCORD_DEFINE_OP(l2_norm) {
  return OpBuilder<L2NormAttrs>("l2_norm", 1, "rows scaled to unit length")
      .Input("x")
      .Output("y")
      .Infer(InferL2Norm)
      .Reference(ReferenceL2Norm)
      .Tolerance(ToleranceL2Norm)
      .Cases(CasesL2Norm)
      .Cost(CostL2Norm)
      .Build();
}

}  // namespace concord::ops
