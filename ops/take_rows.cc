#include "ops/core/numerics.h"

// y[i] = x[rows[i]]: the rows of a step whose logits are wanted. Rows outside x give zeros.
// Shapes: x [n, ..]; rows [m] i32; y [m, ..].
namespace concord::ops {
namespace {

absl::Status InferTakeRows(const NoAttrs&, Signature& s) {
  CONCORD_RETURN_IF_ERROR(s.ExpectRank("rows", 1));
  CONCORD_RETURN_IF_ERROR(s.ExpectPacking("rows", {"i32"}));
  TensorType y = s.In("x");
  if (y.rank() < 2) return s.ExpectRank("x", 2);
  y.dims[0] = s.dim("rows", 0);
  s.SetOut("y", y);
  return absl::OkStatus();
}

void ReferenceTakeRows(const NoAttrs&, const RefArgs& args) {
  const TensorView &x = args["x"], &rows = args["rows"], &y = args["y"];
  const int64_t parts = x.dim(0) == 0 ? 0 : x.rows() / x.dim(0);
  for (int64_t i = 0; i < rows.elems(); ++i) {
    const int64_t from = rows.Int(i);
    for (int64_t p = 0; p < parts; ++p) {
      std::vector<double> row(x.cols(), 0.0);
      if (from >= 0 && from < x.dim(0)) x.ReadRow(from * parts + p, row.data());
      y.WriteRow(i * parts + p, row.data());
    }
  }
}

double ToleranceTakeRows(const OpCase&) { return 0; }

std::vector<OpCase> CasesTakeRows() {
  return {
      {"take_rows", "last", {}, {In("x", {9, 333}), In("rows", {1}, "i32", FillGiven({8}))}},
      {"take_rows", "several", {}, {In("x", {9, 64}), In("rows", {4}, "i32", FillGiven({8, 0, 3, 3}))}},
      {"take_rows", "outside", {}, {In("x", {4, 33}), In("rows", {3}, "i32", FillGiven({-1, 4, 1}))}},
      {"take_rows", "none", {}, {In("x", {4, 33}), In("rows", {0}, "i32")}},
  };
}

}  // namespace

CONCORD_DEFINE_OP(take_rows) {
  return OpBuilder<NoAttrs>("take_rows", 1, "chosen rows of a tensor")
      .Input("x")
      .Input("rows")
      .Output("y")
      .Infer(InferTakeRows)
      .Reference(ReferenceTakeRows)
      .Tolerance(ToleranceTakeRows)
      .Cases(CasesTakeRows)
      .Build();
}

}  // namespace concord::ops
