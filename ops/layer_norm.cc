#include "ops/core/numerics.h"

// y[i] = (x[i] - mean) / sqrt(var + eps) * w[i] + b[i], rows of the last dim, biased variance.
// Shapes: x, y [.., d]; w, b [d].   Source: Ba, Kiros & Hinton, arXiv:1607.06450.
namespace concord::ops {
namespace {

struct LayerNormAttrs {
  double eps = 1e-5;
  template <typename V>
  void Visit(V& v) {
    v("eps", eps);
  }
};

absl::Status InferLayerNorm(const LayerNormAttrs&, Signature& s) {
  CONCORD_RETURN_IF_ERROR(s.ExpectDims("w", {s.dim("x", -1)}));
  if (s.Has("b")) CONCORD_RETURN_IF_ERROR(s.ExpectDims("b", {s.dim("x", -1)}));
  s.SetOut("y", s.In("x"));
  return absl::OkStatus();
}

void ReferenceLayerNorm(const LayerNormAttrs& attrs, const RefArgs& args) {
  const TensorView &x = args["x"], &y = args["y"];
  const std::vector<double> w = args["w"].Row(0);
  const std::vector<double> b = args.has("b") ? args["b"].Row(0) : std::vector<double>(x.cols(), 0.0);
  const auto n = static_cast<double>(x.cols());
  for (int64_t r = 0; r < x.rows(); ++r) {
    std::vector<double> row = x.Row(r);
    double mean = 0, variance = 0;
    for (double v : row) mean += v / n;
    for (double v : row) variance += (v - mean) * (v - mean) / n;
    const double scale = 1.0 / std::sqrt(variance + attrs.eps);
    for (int64_t i = 0; i < x.cols(); ++i) row[i] = (row[i] - mean) * scale * w[i] + b[i];
    y.WriteRow(r, row.data());
  }
}

double ToleranceLayerNorm(const OpCase& c) { return kEpsF32 * (16.0 + c.dim("x", -1)); }

std::vector<OpCase> CasesLayerNorm() {
  return {
      {"layer_norm", "1x64", {}, {In("x", {1, 64}), In("w", {64}), In("b", {64})}},
      {"layer_norm", "7x4096", {{"eps", 1e-6}}, {In("x", {7, 4096}), In("w", {4096}), In("b", {4096})}},
      {"layer_norm", "5x333_no_bias", {}, {In("x", {5, 333}), In("w", {333})}},
      {"layer_norm", "no_rows", {}, {In("x", {0, 64}), In("w", {64}), In("b", {64})}},
  };
}

Cost CostLayerNorm(const LayerNormAttrs&, const CostArgs& a) { return {.flops = 8.0 * a.dim("x", 0) * a.dim("x", -1)}; }

}  // namespace

CONCORD_DEFINE_OP(layer_norm) {
  return OpBuilder<LayerNormAttrs>("layer_norm", 1, "layer norm of rows")
      .Input("x")
      .Weight("w")
      .OptionalWeight("b")
      .Output("y")
      .Infer(InferLayerNorm)
      .Reference(ReferenceLayerNorm)
      .Tolerance(ToleranceLayerNorm)
      .Cases(CasesLayerNorm)
      .Cost(CostLayerNorm)
      .Build();
}

}  // namespace concord::ops
