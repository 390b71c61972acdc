#include "ops/core/numerics.h"
#include "ops/core/rms_norm_attrs.h"

// y[i] = x[i] * w[i] / sqrt(mean(x^2) + eps), rows of the last dim; without w the scale is 1, with add_one it is 1 + w.
// Shapes: x, y [.., d]; w [d].   Source: Zhang & Sennrich, arXiv:1910.07467.
namespace concord::ops {
namespace {

absl::Status InferRmsNorm(const RmsNormAttrs&, Signature& s) {
  if (s.Has("w")) CONCORD_RETURN_IF_ERROR(s.ExpectDims("w", {s.dim("x", -1)}));
  s.SetOut("y", s.In("x"));
  return absl::OkStatus();
}

void ReferenceRmsNorm(const RmsNormAttrs& attrs, const RefArgs& args) {
  const TensorView &x = args["x"], &y = args["y"];
  std::vector<double> w(x.cols(), 1.0);
  if (args.has("w")) args["w"].ReadRow(0, w.data());
  for (int64_t r = 0; r < x.rows(); ++r) {
    std::vector<double> row = x.Row(r);
    double sum_sq = 0;
    for (double v : row) sum_sq += v * v;
    const double scale = 1.0 / std::sqrt(sum_sq / x.cols() + attrs.eps);
    for (int64_t i = 0; i < x.cols(); ++i) row[i] *= scale * (attrs.add_one && args.has("w") ? 1.0 + w[i] : w[i]);
    y.WriteRow(r, row.data());
  }
}

// The sum has only positive terms: n·u in the worst order, of which the square root takes half.
double ToleranceRmsNorm(const OpCase& c) { return kEpsF32 * (8.0 + 0.5 * c.dim("x", -1)); }

std::vector<OpCase> CasesRmsNorm() {
  return {
      {"rms_norm", "1x64", {}, {In("x", {1, 64}), In("w", {64})}},
      {"rms_norm", "7x4096", {{"eps", 1e-5}}, {In("x", {7, 4096}), In("w", {4096})}},
      {"rms_norm", "5x333_add_one", {{"add_one", int64_t{1}}}, {In("x", {5, 333}), In("w", {333})}},
      {"rms_norm", "heads_weightless", {}, {In("x", {3, 4, 48})}},
      {"rms_norm", "heads", {}, {In("x", {9, 3, 128}), In("w", {128})}},
      {"rms_norm", "3x1", {}, {In("x", {3, 1}), In("w", {1})}},
      {"rms_norm", "no_rows", {}, {In("x", {0, 64}), In("w", {64})}},
  };
}

Cost CostRmsNorm(const RmsNormAttrs&, const CostArgs& a) { return {.flops = 4.0 * a.dim("x", 0) * a.dim("x", -1)}; }

}  // namespace

CONCORD_DEFINE_OP(rms_norm) {
  return OpBuilder<RmsNormAttrs>("rms_norm", 1, "root-mean-square norm of rows")
      .Input("x")
      .OptionalWeight("w")
      .Output("y")
      .Infer(InferRmsNorm)
      .Reference(ReferenceRmsNorm)
      .Tolerance(ToleranceRmsNorm)
      .Cases(CasesRmsNorm)
      .Cost(CostRmsNorm)
      .Build();
}

}  // namespace concord::ops
