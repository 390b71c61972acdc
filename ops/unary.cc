#include <algorithm>

#include "ops/core/numerics.h"

// y = f(x), elementwise. Shapes: x, y [..]. kind: silu, sigmoid, gelu_tanh, softplus, relu, tanh, exp, sqrt.
namespace concord::ops {
namespace {

struct UnaryAttrs {
  std::string kind = "silu";
  template <typename V>
  void Visit(V& v) {
    v("kind", kind);
  }
};

struct Function {
  const char* kind;
  double (*f)(double);
};

constexpr Function kFunctions[] = {
    {"exp", [](double x) { return std::exp(x); }},
    {"gelu_tanh", [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }},
    {"relu", [](double x) { return std::max(x, 0.0); }},
    {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"silu", [](double x) { return x / (1 + std::exp(-x)); }},
    {"softplus", [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }},
    {"sqrt", [](double x) { return std::sqrt(x); }},
    {"tanh", [](double x) { return std::tanh(x); }},
};

const Function* Find(const std::string& kind) {
  for (const Function& f : kFunctions) {
    if (kind == f.kind) return &f;
  }
  return nullptr;
}

absl::Status InferUnary(const UnaryAttrs& attrs, Signature& s) {
  if (Find(attrs.kind) == nullptr) {
    std::string known;
    for (const Function& f : kFunctions) absl::StrAppend(&known, known.empty() ? "" : ", ", f.kind);
    return absl::InvalidArgumentError(absl::StrCat("unary: kind is '", attrs.kind, "', want one of ", known));
  }
  s.SetOut("y", s.In("x"));
  return absl::OkStatus();
}

void ReferenceUnary(const UnaryAttrs& attrs, const RefArgs& args) {
  const TensorView &x = args["x"], &y = args["y"];
  const auto f = Find(attrs.kind)->f;
  for (int64_t r = 0; r < x.rows(); ++r) {
    std::vector<double> row = x.Row(r);
    for (double& v : row) v = f(v);
    y.WriteRow(r, row.data());
  }
}

double ToleranceUnary(const OpCase&) { return 32 * kEpsF32; }

std::vector<OpCase> CasesUnary() {
  std::vector<OpCase> cases;
  for (const Function& f : kFunctions) {
    const bool positive = std::string(f.kind) == "sqrt";
    const Fill fill = [positive](CaseRng& rng, const TensorView& view) {
      std::vector<double> row(view.cols());
      for (int64_t r = 0; r < view.rows(); ++r) {
        for (double& v : row) v = rng.Uniform(positive ? 0 : -9, 9);
        view.WriteRow(r, row.data());
      }
    };
    cases.push_back(
        {"unary", absl::StrCat(f.kind, "_5x333"), {{"kind", std::string(f.kind)}}, {In("x", {5, 333}, "f32", fill)}});
  }
  cases.push_back({"unary", "no_rows", {}, {In("x", {0, 64})}});
  return cases;
}

Cost CostUnary(const UnaryAttrs&, const CostArgs& a) { return {.flops = 10.0 * a.dim("x", 0) * a.dim("x", -1)}; }

}  // namespace

CONCORD_DEFINE_OP(unary) {
  return OpBuilder<UnaryAttrs>("unary", 1, "an elementwise function")
      .Input("x")
      .Output("y")
      .Infer(InferUnary)
      .Reference(ReferenceUnary)
      .Tolerance(ToleranceUnary)
      .Cases(CasesUnary)
      .Cost(CostUnary)
      .Build();
}

}  // namespace concord::ops
