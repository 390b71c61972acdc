#include "ops/core/numerics.h"

// y = a + b, elementwise. Shapes: a, y [..]; b the same, or a vector [d] added to every row of a.
namespace concord::ops {
namespace {

absl::Status InferAdd(const NoAttrs&, Signature& s) {
  const TensorType& a = s.In("a");
  if (s.In("b").rank() == 1) {
    CONCORD_RETURN_IF_ERROR(s.ExpectDims("b", {s.dim("a", -1)}));
  } else {
    CONCORD_RETURN_IF_ERROR(s.ExpectDims("b", a.dims));
  }
  s.SetOut("y", a);
  return absl::OkStatus();
}

void ReferenceAdd(const NoAttrs&, const RefArgs& args) {
  const TensorView &a = args["a"], &b = args["b"], &y = args["y"];
  for (int64_t r = 0; r < a.rows(); ++r) {
    std::vector<double> row = a.Row(r);
    const std::vector<double> other = b.Row(b.rank() == 1 ? 0 : r);
    for (int64_t i = 0; i < a.cols(); ++i) row[i] += other[i];
    y.WriteRow(r, row.data());
  }
}

double ToleranceAdd(const OpCase&) { return 2 * kEpsF32; }

std::vector<OpCase> CasesAdd() {
  return {
      {"add", "1x64", {}, {In("a", {1, 64}), In("b", {1, 64})}},
      {"add", "7x333", {}, {In("a", {7, 333}), In("b", {7, 333})}},
      {"add", "row_vector", {}, {In("a", {5, 97}), In("b", {97})}},
      {"add", "heads", {}, {In("a", {3, 4, 33}), In("b", {3, 4, 33})}},
      {"add", "1x1", {}, {In("a", {1, 1}), In("b", {1, 1})}},
      {"add", "no_rows", {}, {In("a", {0, 64}), In("b", {0, 64})}},
  };
}

Cost CostAdd(const NoAttrs&, const CostArgs& a) { return {.flops = 1.0 * a.dim("a", 0) * a.dim("a", -1)}; }

}  // namespace

CONCORD_DEFINE_OP(add) {
  return OpBuilder<NoAttrs>("add", 1, "y = a + b; b may be one row")
      .Input("a")
      .Input("b")
      .Output("y")
      .Infer(InferAdd)
      .Reference(ReferenceAdd)
      .Tolerance(ToleranceAdd)
      .Cases(CasesAdd)
      .Cost(CostAdd)
      .Build();
}

}  // namespace concord::ops
