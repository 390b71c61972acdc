#include "ops/core/numerics.h"

// y = scale · z, then softcap · tanh(y / softcap) where softcap > 0. Shapes: z, y [n, n_vocab].
namespace concord::ops {
namespace {

struct LogitsPostAttrs {
  double scale = 1;
  double softcap = 0;
  template <typename V>
  void Visit(V& v) {
    v("scale", scale);
    v("softcap", softcap);
  }
};

absl::Status InferLogitsPost(const LogitsPostAttrs& attrs, Signature& s) {
  if (attrs.softcap < 0) return absl::InvalidArgumentError("logits_post: softcap is negative; 0 turns it off");
  s.SetOut("y", s.In("z"));
  return absl::OkStatus();
}

void ReferenceLogitsPost(const LogitsPostAttrs& attrs, const RefArgs& args) {
  const TensorView &z = args["z"], &y = args["y"];
  for (int64_t r = 0; r < z.rows(); ++r) {
    std::vector<double> row = z.Row(r);
    for (double& v : row) {
      v *= attrs.scale;
      if (attrs.softcap > 0) v = attrs.softcap * std::tanh(v / attrs.softcap);
    }
    y.WriteRow(r, row.data());
  }
}

double ToleranceLogitsPost(const OpCase&) { return 16 * kEpsF32; }

std::vector<OpCase> CasesLogitsPost() {
  return {
      {"logits_post", "scale", {{"scale", 0.196}}, {In("z", {3, 513})}},
      {"logits_post", "softcap", {{"scale", 40.0}, {"softcap", 20.0}}, {In("z", {3, 513})}},
      {"logits_post", "no_rows", {}, {In("z", {0, 64})}},
  };
}

Cost CostLogitsPost(const LogitsPostAttrs&, const CostArgs& a) {
  return {.flops = 10.0 * a.dim("z", 0) * a.dim("z", -1)};
}

}  // namespace

CONCORD_DEFINE_OP(logits_post) {
  return OpBuilder<LogitsPostAttrs>("logits_post", 1, "scale and softcap of logits")
      .Input("z")
      .Output("y")
      .Infer(InferLogitsPost)
      .Reference(ReferenceLogitsPost)
      .Tolerance(ToleranceLogitsPost)
      .Cases(CasesLogitsPost)
      .Cost(CostLogitsPost)
      .Build();
}

}  // namespace concord::ops
