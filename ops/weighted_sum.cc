#include "ops/core/numerics.h"

// y[t] = sum_j w[t, j] x[t, j]: what a token's experts say, put together. The sum goes from j = 0 on.
// Shapes: x [n, k, d]; w [n, k]; y [n, d].
namespace concord::ops {
namespace {

absl::Status InferWeightedSum(const NoAttrs&, Signature& s) {
  CONCORD_RETURN_IF_ERROR(s.ExpectRank("x", 3));
  CONCORD_RETURN_IF_ERROR(s.ExpectDims("w", {s.dim("x", 0), s.dim("x", 1)}));
  s.SetOut("y", TensorType{s.In("x").packing, {s.dim("x", 0), s.dim("x", 2)}, ""});
  return absl::OkStatus();
}

void ReferenceWeightedSum(const NoAttrs&, const RefArgs& args) {
  const TensorView &x = args["x"], &w = args["w"], &y = args["y"];
  const int64_t k = x.dim(1);
  for (int64_t t = 0; t < x.dim(0); ++t) {
    const std::vector<double> weights = w.Row(t);
    std::vector<double> sum(x.cols(), 0.0);
    for (int64_t j = 0; j < k; ++j) {
      const std::vector<double> row = x.Row(t * k + j);
      for (size_t i = 0; i < row.size(); ++i) sum[i] += weights[j] * row[i];
    }
    y.WriteRow(t, sum.data());
  }
}

double ToleranceWeightedSum(const OpCase& c) { return DotTolerance(c.dim("x", 1)); }

std::vector<OpCase> CasesWeightedSum() {
  return {
      {"weighted_sum", "1x8x256", {}, {In("x", {1, 8, 256}), In("w", {1, 8})}},
      {"weighted_sum", "5x3x333", {}, {In("x", {5, 3, 333}), In("w", {5, 3})}},
      {"weighted_sum", "90x6x41", {}, {In("x", {90, 6, 41}), In("w", {90, 6})}},
      {"weighted_sum", "one_3x1x65", {}, {In("x", {3, 1, 65}), In("w", {3, 1})}},
      {"weighted_sum", "no_rows", {}, {In("x", {0, 8, 64}), In("w", {0, 8})}},
  };
}

Cost CostWeightedSum(const NoAttrs&, const CostArgs& a) {
  return {.flops = 2.0 * a.dim("x", 0) * a.dim("x", 1) * a.dim("x", 2)};
}

}  // namespace

CONCORD_DEFINE_OP(weighted_sum) {
  return OpBuilder<NoAttrs>("weighted_sum", 1, "sum of a token's rows, each times its weight")
      .Input("x")
      .Input("w")
      .Output("y")
      .Infer(InferWeightedSum)
      .Reference(ReferenceWeightedSum)
      .Tolerance(ToleranceWeightedSum)
      .Cases(CasesWeightedSum)
      .Cost(CostWeightedSum)
      .Build();
}

}  // namespace concord::ops
