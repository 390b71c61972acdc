#include "ops/core/arithmetic_rows.h"
#include "ops/core/experts.h"

// Each token times the matrices of its own experts: y[t, j, o] = sum_i x[t(, j), i] W[ids[t, j], o, i]
// (+ bias[ids[t, j], o]).
// Shapes: x [n, in], the same for all experts of a token, or [n, k, in]; W [E, out, in] of any packing; ids [n, k] i32;
// bias [E, out]; y [n, k, out]. An id outside of the experts gives a row of zeros, because a device cannot report it in
// mid-step.
// Arithmetic as of linear: a row of y is the one that linear gives for that expert's matrix. Only the matrices of
// experts that some token goes to are read.
namespace concord::ops {
namespace {

absl::Status InferLinearExperts(const NoAttrs&, Signature& s) {
  CONCORD_RETURN_IF_ERROR(s.ExpectRank("w", 3));
  CONCORD_RETURN_IF_ERROR(s.ExpectRank("ids", 2));
  CONCORD_RETURN_IF_ERROR(s.ExpectPacking("ids", {"i32"}));
  const TensorType& x = s.In("x");
  const Dim n = s.dim("ids", 0), k = s.dim("ids", 1), experts = s.dim("w", 0), out = s.dim("w", 1), in = s.dim("w", 2);
  if (x.rank() == 3) {
    CONCORD_RETURN_IF_ERROR(s.ExpectDims("x", {n, k, in}));
  } else {
    CONCORD_RETURN_IF_ERROR(s.ExpectDims("x", {n, in}));
  }
  if (s.Has("bias")) CONCORD_RETURN_IF_ERROR(s.ExpectDims("bias", {experts, out}));
  s.SetOut("y", TensorType{x.packing, {n, k, out}, ""});
  return absl::OkStatus();
}

void ReferenceLinearExperts(const NoAttrs&, const RefArgs& args) {
  const TensorView &x = args["x"], &w = args["w"], &ids = args["ids"], &y = args["y"];
  const int64_t experts = w.dim(0), out = w.dim(1), in = w.cols(), k = ids.cols(), per_x = x.rank() == 3 ? 1 : k;
  const auto rows = ArithmeticRows(x, in, args.arithmetic());
  const std::vector<double> zeros(out, 0.0);
  std::vector<std::vector<int64_t>> pairs_of(experts);
  for (int64_t p = 0; p < ids.elems(); ++p) {
    const int64_t e = ids.Int(p);
    if (e >= 0 && e < experts) {
      pairs_of[e].push_back(p);
    } else {
      y.WriteRow(p, zeros.data());
    }
  }
  for (int64_t e = 0; e < experts; ++e) {
    if (pairs_of[e].empty()) continue;
    const std::vector<double> bias = args.has("bias") ? args["bias"].Row(e) : zeros;
    std::vector<std::vector<double>> result(pairs_of[e].size(), bias);
    for (int64_t o = 0; o < out; ++o) {
      const std::vector<double> weights = w.Row(e * out + o);
      for (size_t p = 0; p < result.size(); ++p) {
        const std::vector<double>& row = rows[pairs_of[e][p] / per_x];
        for (int64_t i = 0; i < in; ++i) result[p][o] += weights[i] * row[i];
      }
    }
    for (size_t p = 0; p < result.size(); ++p) y.WriteRow(pairs_of[e][p], result[p].data());
  }
}

double ToleranceLinearExperts(const OpCase& c) {
  const int64_t n = c.dim("w", 2);
  return DotTolerance(n, c.arithmetic);
}

struct Sizes {
  int64_t n, k, experts, out, in;
};

OpCase ExpertsCase(std::string name, const Sizes& s, const char* type, bool row_each = false) {
  return {"linear_experts",
          std::move(name),
          {},
          {In("x", row_each ? std::vector<int64_t>{s.n, s.k, s.in} : std::vector<int64_t>{s.n, s.in}),
           In("w", {s.experts, s.out, s.in}, type), In("ids", {s.n, s.k}, "i32", FillExperts(s.experts))}};
}

std::vector<OpCase> CasesLinearExperts() {
  std::vector<OpCase> cases;
  for (const char* type : {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k", "q6_k", "mxfp4"}) {
    for (const bool row_each : {false, true}) {
      for (int64_t n : {1, 5, 40}) {
        for (const std::string& arithmetic : ArithmeticsOf(*packing::Find(type))) {
          const std::string shape = absl::StrCat(type, "_", n, row_each ? "x3x256_" : "x256_");
          OpCase c = ExpertsCase(shape + ArithmeticWord(arithmetic), {n, 3, 6, 67, 256}, type, row_each);
          c.arithmetic = arithmetic;
          cases.push_back(std::move(c));
        }
      }
    }
  }
  cases.push_back(ExpertsCase("f32_7x333", {7, 2, 4, 65, 333}, "f32"));
  cases.push_back(ExpertsCase("one_expert_9x33", {9, 1, 1, 5, 33}, "f32"));
  // More rows an expert than one tile holds.
  cases.push_back(ExpertsCase("all_600x40", {600, 2, 2, 3, 40}, "f32", true));
  cases.push_back(ExpertsCase("many_5x64", {5, 8, 128, 33, 64}, "f32"));
  cases.push_back(ExpertsCase("no_rows", {0, 2, 4, 33, 64}, "f32"));
  OpCase& bias = cases.emplace_back(ExpertsCase("bias_9x64", {9, 2, 4, 33, 64}, "f32", true));
  bias.inputs.push_back(In("bias", {4, 33}));
  OpCase& outside = cases.emplace_back(ExpertsCase("outside", {3, 2, 4, 33, 64}, "f32"));
  outside.inputs[2].fill = FillGiven({-1, 3, 4, 0, 2, 77});
  return cases;
}

Cost CostLinearExperts(const NoAttrs&, const CostArgs& a) {
  const auto n = static_cast<double>(a.dim("ids", 0)), k = static_cast<double>(a.dim("ids", 1));
  return {.flops = 2.0 * n * k * static_cast<double>(a.dim("w", 1)) * static_cast<double>(a.dim("w", 2)),
          .weight_share = ExpectedExpertShare(n, k, static_cast<double>(a.dim("w", 0)))};
}

}  // namespace

CONCORD_DEFINE_OP(linear_experts) {
  return OpBuilder<NoAttrs>("linear_experts", 1, "each token times the matrices of its experts")
      .Input("x")
      .Weight("w")
      .Input("ids")
      .OptionalWeight("bias")
      .Output("y")
      .Infer(InferLinearExperts)
      .Reference(ReferenceLinearExperts)
      .Tolerance(ToleranceLinearExperts)
      .Cases(CasesLinearExperts)
      .Cost(CostLinearExperts)
      .Build();
}

}  // namespace concord::ops
