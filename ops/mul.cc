#include "ops/core/numerics.h"

// y = a · b, elementwise. Shapes: a, y [..]; b the same; or [d], one row for all; or a's dims with the last one 1, one
// factor a row (gates).
namespace concord::ops {
namespace {

absl::Status InferMul(const NoAttrs&, Signature& s) {
  const TensorType &a = s.In("a"), &b = s.In("b");
  if (b.rank() == 1 && a.rank() > 1) {
    CONCORD_RETURN_IF_ERROR(s.ExpectDims("b", {s.dim("a", -1)}));
  } else if (b.dims != a.dims) {
    std::vector<Dim> want = a.dims;
    if (!want.empty()) want.back() = Dim(1);
    CONCORD_RETURN_IF_ERROR(s.ExpectDims("b", want));
  }
  s.SetOut("y", a);
  return absl::OkStatus();
}

void ReferenceMul(const NoAttrs&, const RefArgs& args) {
  const TensorView &a = args["a"], &b = args["b"], &y = args["y"];
  for (int64_t r = 0; r < a.rows(); ++r) {
    std::vector<double> row = a.Row(r);
    const std::vector<double> other = b.Row(b.rank() == 1 && a.rank() > 1 ? 0 : r);
    for (int64_t i = 0; i < a.cols(); ++i) row[i] *= other[b.cols() == 1 ? 0 : i];
    y.WriteRow(r, row.data());
  }
}

double ToleranceMul(const OpCase&) { return 2 * kEpsF32; }

std::vector<OpCase> CasesMul() {
  return {
      {"mul", "1x64", {}, {In("a", {1, 64}), In("b", {1, 64})}},
      {"mul", "7x333", {}, {In("a", {7, 333}), In("b", {7, 333})}},
      {"mul", "row_vector", {}, {In("a", {5, 97}), In("b", {97})}},
      {"mul", "gate_a_head", {}, {In("a", {3, 4, 33}), In("b", {3, 4, 1})}},
      {"mul", "no_rows", {}, {In("a", {0, 64}), In("b", {0, 64})}},
  };
}

Cost CostMul(const NoAttrs&, const CostArgs& a) { return {.flops = 1.0 * a.dim("a", 0) * a.dim("a", -1)}; }

}  // namespace

CONCORD_DEFINE_OP(mul) {
  return OpBuilder<NoAttrs>("mul", 1, "y = a b; b may be one row, or one factor a row")
      .Input("a")
      .Input("b")
      .Output("y")
      .Infer(InferMul)
      .Reference(ReferenceMul)
      .Tolerance(ToleranceMul)
      .Cases(CasesMul)
      .Cost(CostMul)
      .Build();
}

}  // namespace concord::ops
