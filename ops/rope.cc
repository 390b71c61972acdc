#include "ops/core/numerics.h"

// Rotary position embedding: pairs (a, b) of each head turn by the angle position · inv_freq[i]:
// (a, b) → attn_factor · (a cos − b sin, a sin + b cos).
// Shapes: x, y [n, h, d]; positions [n] i32; inv_freq [r / 2], r the rotary width; dims outside
// [first_dim, first_dim + r) pass through unchanged.
// kind "neox": pair i is (x_i, x_{i + r/2}); "norm": (x_{2i}, x_{2i+1}), counted from first_dim.
// Every scaling (linear, dynamic, llama3, yarn, longrope) is in the table and attn_factor, made at load.
// Source: Su et al., arXiv:2104.09864; Peng et al. (YaRN), arXiv:2309.00071.
namespace concord::ops {
namespace {

struct RopeAttrs {
  std::string kind = "neox";
  int64_t first_dim = 0;
  double attn_factor = 1;
  template <typename V>
  void Visit(V& v) {
    v("kind", kind);
    v("first_dim", first_dim);
    v("attn_factor", attn_factor);
  }
};

absl::Status InferRope(const RopeAttrs& attrs, Signature& s) {
  CONCORD_RETURN_IF_ERROR(s.ExpectRank("x", 3));
  CONCORD_RETURN_IF_ERROR(s.ExpectRank("inv_freq", 1));
  CONCORD_RETURN_IF_ERROR(s.ExpectDims("positions", {s.dim("x", 0)}));
  CONCORD_RETURN_IF_ERROR(s.ExpectPacking("positions", {"i32"}));
  const int64_t rotary = 2 * s.dim("inv_freq", 0).value;
  if (attrs.kind != "neox" && attrs.kind != "norm") {
    return absl::InvalidArgumentError(absl::StrCat("rope: kind is '", attrs.kind, "', want neox or norm"));
  }
  if (attrs.first_dim < 0 || attrs.first_dim + rotary > s.dim("x", -1).value) {
    return absl::InvalidArgumentError(absl::StrCat("rope: ", rotary, " rotary dims from dim ", attrs.first_dim,
                                                   " do not fit heads of ", s.dim("x", -1).ToString()));
  }
  s.SetOut("y", s.In("x"));
  return absl::OkStatus();
}

void ReferenceRope(const RopeAttrs& attrs, const RefArgs& args) {
  const TensorView &x = args["x"], &positions = args["positions"], &y = args["y"];
  const std::vector<double> inv_freq = args["inv_freq"].Row(0);
  const auto half = static_cast<int64_t>(inv_freq.size());
  const bool neox = attrs.kind == "neox";
  for (int64_t r = 0; r < x.rows(); ++r) {
    const auto position = static_cast<double>(positions.Int(r / x.dim(1)));
    std::vector<double> row = x.Row(r);
    for (int64_t i = 0; i < half; ++i) {
      const int64_t at = attrs.first_dim + (neox ? i : 2 * i), bt = at + (neox ? half : 1);
      const double cosine = std::cos(position * inv_freq[i]), sine = std::sin(position * inv_freq[i]);
      const double a = row[at], b = row[bt];
      row[at] = attrs.attn_factor * (a * cosine - b * sine);
      row[bt] = attrs.attn_factor * (a * sine + b * cosine);
    }
    y.WriteRow(r, row.data());
  }
}

// Angles are reduced in f64 by every backend that holds this at large positions; f32 cos and sin to 2 ulp.
double ToleranceRope(const OpCase&) { return 16 * kEpsF32; }

Fill FillFrequencies(double base) {
  return [base](CaseRng&, const TensorView& view) {
    std::vector<double> row(view.cols());
    for (size_t i = 0; i < row.size(); ++i) row[i] = std::pow(base, -static_cast<double>(i) / row.size());
    view.WriteRow(0, row.data());
  };
}

std::vector<OpCase> CasesRope() {
  const Attrs norm = {{"kind", std::string("norm")}};
  return {
      {"rope",
       "neox_1x4x64",
       {},
       {In("x", {1, 4, 64}), In("positions", {1}, "i32", FillGiven({7})),
        In("inv_freq", {32}, "f32", FillFrequencies(1e4))}},
      {"rope",
       "norm_5x3x64",
       norm,
       {In("x", {5, 3, 64}), In("positions", {5}, "i32", FillInts(0, 4096)),
        In("inv_freq", {32}, "f32", FillFrequencies(5e5))}},
      {"rope",
       "far",
       {},
       {In("x", {3, 2, 128}), In("positions", {3}, "i32", FillInts(100000, 1000000)),
        In("inv_freq", {64}, "f32", FillFrequencies(1e6))}},
      {"rope",
       "partial",
       {{"attn_factor", 1.3466}},
       {In("x", {4, 2, 48}), In("positions", {4}, "i32", FillInts(0, 99)),
        In("inv_freq", {8}, "f32", FillFrequencies(1e4))}},
      {"rope",
       "tail_norm",
       {{"kind", std::string("norm")}, {"first_dim", int64_t{26}}},
       {In("x", {4, 2, 48}), In("positions", {4}, "i32", FillInts(0, 99)),
        In("inv_freq", {11}, "f32", FillFrequencies(1e4))}},
      {"rope",
       "no_rows",
       {},
       {In("x", {0, 2, 64}), In("positions", {0}, "i32"), In("inv_freq", {32}, "f32", FillFrequencies(1e4))}},
  };
}

Cost CostRope(const RopeAttrs&, const CostArgs& a) {
  return {.flops = 6.0 * a.dim("x", 0) * a.dim("x", 1) * a.dim("x", 2)};
}

}  // namespace

CONCORD_DEFINE_OP(rope) {
  return OpBuilder<RopeAttrs>("rope", 1, "rotary position embedding of heads")
      .Input("x")
      .Input("positions")
      .Weight("inv_freq")
      .Output("y")
      .Infer(InferRope)
      .Reference(ReferenceRope)
      .Tolerance(ToleranceRope)
      .Cases(CasesRope)
      .Cost(CostRope)
      .Build();
}

}  // namespace concord::ops
