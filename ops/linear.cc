#include "ops/core/arithmetic_rows.h"
#include "ops/core/numerics.h"

// y[t, o] = sum_i x[t, i] W[o, i] (+ bias[o]).
// Shapes: x [n, in], or [n, a, b] with a·b = in; W [out, in] of any packing; bias [out]; y [n, out], or with the
// attribute heads = h > 0 [n, h, out / h].
// Arithmetic: "f32" uses x as it is; "f16" may round x to halves and add up to 32 products in half, or round x and W to
// bf16 and add in f32, which is as near (core/numerics.h); "bf16" may round x to bf16;
// "int8/32" and "int8/256" first round every 32 or 256 elements of a row of x to int8 with an f32 scale
// (runtime/base/packing/int8_rows.h) and are exact from there on but for f32 accumulation.
namespace concord::ops {
namespace {

struct LinearAttrs {
  int64_t heads = 0;
  template <typename V>
  void Visit(V& v) {
    v("heads", heads);
  }
};

absl::Status InferLinear(const LinearAttrs& attrs, Signature& s) {
  CONCORD_RETURN_IF_ERROR(s.ExpectRank("w", 2));
  const TensorType& x = s.In("x");
  int64_t width = 1;
  for (int i = 1; i < x.rank(); ++i) width *= x.dims[i].value;
  if (x.rank() < 2 || s.dim("w", 1) != Dim(width)) {
    return absl::InvalidArgumentError(absl::StrCat("linear: x is ", x.ToString(), " and w is ", s.In("w").ToString(),
                                                   "; the width of x must equal the second dim of w"));
  }
  const Dim out = s.dim("w", 0);
  if (s.Has("bias")) CONCORD_RETURN_IF_ERROR(s.ExpectDims("bias", {out}));
  if (attrs.heads < 0 || (attrs.heads > 0 && out.value % attrs.heads != 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("linear: ", out.ToString(), " outputs do not divide into ", attrs.heads, " heads"));
  }
  TensorType y{x.packing, {x.dims[0], out}, ""};
  if (attrs.heads > 0) y.dims = {x.dims[0], attrs.heads, out.value / attrs.heads};
  s.SetOut("y", y);
  return absl::OkStatus();
}

void ReferenceLinear(const LinearAttrs&, const RefArgs& args) {
  const TensorView &x = args["x"], &w = args["w"], &y = args["y"];
  const int64_t n = x.dim(0), in = w.cols(), out = w.rows();
  const auto rows = ArithmeticRows(x, in, args.arithmetic());
  const std::vector<double> bias = args.has("bias") ? args["bias"].Row(0) : std::vector<double>(out, 0.0);
  std::vector<std::vector<double>> result(n, std::vector<double>(out));
  for (int64_t o = 0; o < out; ++o) {
    const std::vector<double> weights = w.Row(o);
    for (int64_t t = 0; t < n; ++t) {
      double sum = bias[o];
      for (int64_t i = 0; i < in; ++i) sum += weights[i] * rows[t][i];
      result[t][o] = sum;
    }
  }
  const int64_t parts = n == 0 ? 0 : y.rows() / n;
  for (int64_t t = 0; t < n; ++t) {
    for (int64_t p = 0; p < parts; ++p) y.WriteRow(t * parts + p, result[t].data() + p * y.cols());
  }
}

double ToleranceLinear(const OpCase& c) {
  const int64_t n = c.dim("w", 1);
  return DotTolerance(n, c.arithmetic);
}

// Rows whose elements lie halfway between two int8 values, or next to it: each shows by a whole step whether its factor
// has the last bit right.
void FillHalves(CaseRng& rng, const TensorView& view) {
  std::vector<double> row(view.cols());
  for (int64_t r = 0; r < view.rows(); ++r) {
    float largest = 1;
    for (int64_t i = 0; i < view.cols(); ++i) {
      const bool first = i % packing::kInt8Group == 0;
      if (first) largest = static_cast<float>(rng.Uniform(1, 16));
      const double step = static_cast<double>(largest) / 127;
      row[i] = first ? largest : static_cast<float>((static_cast<double>(rng.Int(-127, 126)) + 0.5) * step);
    }
    view.WriteRow(r, row.data());
  }
}
void FillIdentity(CaseRng&, const TensorView& view) {
  std::vector<double> row(view.cols());
  for (int64_t r = 0; r < view.rows(); ++r) {
    row[r] = 1;
    view.WriteRow(r, row.data());
    row[r] = 0;
  }
}

Fill FillWithin(double most) {
  return [most](CaseRng& rng, const TensorView& view) {
    std::vector<double> row(view.cols());
    for (int64_t r = 0; r < view.rows(); ++r) {
      for (double& v : row) v = rng.Uniform(-most, most);
      view.WriteRow(r, row.data());
    }
  };
}

std::vector<OpCase> CasesLinear() {
  std::vector<OpCase> cases = {
      {"linear", "f32_1x64x33", {}, {In("x", {1, 64}), In("w", {33, 64})}},
      {"linear", "f32_7x333x65_bias", {}, {In("x", {7, 333}), In("w", {65, 333}), In("bias", {65})}},
      {"linear", "f32_3x1x5", {}, {In("x", {3, 1}), In("w", {5, 1})}},
      {"linear", "f32_90x41x70_bias", {}, {In("x", {90, 41}), In("w", {70, 41}), In("bias", {70})}},
      {"linear", "q4_k_3x4096x70_bias", {}, {In("x", {3, 4096}), In("w", {70, 4096}, "q4_k"), In("bias", {70})}},
      {"linear", "f32_heads", {{"heads", int64_t{4}}}, {In("x", {5, 4, 24}), In("w", {64, 96})}},
      {"linear", "f32_no_rows", {}, {In("x", {0, 64}), In("w", {33, 64})}},
  };
  int32_t count = 0;
  const packing::Packing* const* all = packing::All(&count);
  for (int32_t i = 0; i < count; ++i) {
    const std::string type = all[i]->name;
    if (all[i]->gguf_type < 0 || (type[0] == 'i' && type.size() < 4)) continue;  // not a weight type
    for (int64_t n : {1, 2, 5, 9, 34, 70}) {
      constexpr int64_t out = 67;
      for (const std::string& arithmetic : ArithmeticsOf(*all[i])) {
        // Rows of any width where elements stand alone; a device may want the widths of models for other arithmetics.
        const int64_t in = all[i]->block_elems == 1 && (arithmetic == "f32" || n % 2 == 1) ? 515 : 768;
        OpCase c{"linear",
                 absl::StrCat(type, "_", n, "x", in, "x", out, "_", ArithmeticWord(arithmetic)),
                 {},
                 {In("x", {n, in}), In("w", {out, in}, all[i]->name)}};
        c.arithmetic = arithmetic;
        cases.push_back(std::move(c));
      }
    }
  }
  // Where halves would overflow, or be too small for their sums.
  for (const bool large_x : {false, true}) {
    const double x = large_x ? 1e8 : 1e-8, w = large_x ? 1e-4 : 6e4;
    OpCase c{"linear",
             large_x ? "f16_9x200_large_x_f16" : "f16_9x200_large_w_f16",
             {},
             {In("x", {9, 200}, "f32", FillWithin(x)), In("w", {67, 200}, "f16", FillWithin(w))}};
    c.arithmetic = "f16";
    cases.push_back(std::move(c));
  }
  for (int64_t n : {3, 40}) {
    OpCase c{"linear",
             absl::StrCat("q8_0_", n, "x256_halves_int8"),
             {},
             {In("x", {n, 256}, "f32", FillHalves), In("w", {256, 256}, "q8_0", FillIdentity)}};
    c.arithmetic = "int8/32";
    cases.push_back(std::move(c));
  }
  return cases;
}

Cost CostLinear(const LinearAttrs&, const CostArgs& a) {
  return {.flops = 2.0 * a.dim("x", 0) * a.dim("w", 0) * a.dim("w", 1)};
}

}  // namespace

CONCORD_DEFINE_OP(linear) {
  return OpBuilder<LinearAttrs>("linear", 1, "y = x W^T + bias")
      .Input("x")
      .Weight("w")
      .OptionalWeight("bias")
      .Output("y")
      .Infer(InferLinear)
      .Reference(ReferenceLinear)
      .Tolerance(ToleranceLinear)
      .Cases(CasesLinear)
      .Cost(CostLinear)
      .Build();
}

}  // namespace concord::ops
