#include "ops/core/numerics.h"

// y[t] = table[ids[t]], decoded to f32. Ids outside the table give a row of zeros: they come from outside, and a
// device cannot report them in mid-step (the engine checks prompts before).
// Shapes: ids [n] i32; table [n_vocab, d] of any packing; y [n, d] f32.
namespace concord::ops {
namespace {

absl::Status InferEmbed(const NoAttrs&, Signature& s) {
  CONCORD_RETURN_IF_ERROR(s.ExpectRank("ids", 1));
  CONCORD_RETURN_IF_ERROR(s.ExpectPacking("ids", {"i32"}));
  CONCORD_RETURN_IF_ERROR(s.ExpectRank("table", 2));
  s.SetOut("y", TensorType{packing::Find("f32"), {s.dim("ids", 0), s.dim("table", 1)}, ""});
  return absl::OkStatus();
}

void ReferenceEmbed(const NoAttrs&, const RefArgs& args) {
  const TensorView &ids = args["ids"], &table = args["table"], &y = args["y"];
  for (int64_t t = 0; t < ids.elems(); ++t) {
    const int64_t id = ids.Int(t);
    std::vector<double> row(table.cols(), 0.0);
    if (id >= 0 && id < table.rows()) table.ReadRow(id, row.data());
    y.WriteRow(t, row.data());
  }
}

// K-quants decode as d·sc·q − m·dmin: an f32 product and sum may be fused or not.
double ToleranceEmbed(const OpCase&) { return 4 * kEpsF32; }

std::vector<OpCase> CasesEmbed() {
  std::vector<OpCase> cases;
  for (const char* type : {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k", "q6_k", "mxfp4"}) {
    cases.push_back({"embed",
                     absl::StrCat(type, "_5x256"),
                     {},
                     {In("ids", {5}, "i32", FillInts(0, 36)), In("table", {37, 256}, type)}});
  }
  cases.push_back({"embed", "odd", {}, {In("ids", {3}, "i32", FillGiven({0, 6, 0})), In("table", {7, 33})}});
  cases.push_back({"embed", "outside", {}, {In("ids", {3}, "i32", FillGiven({-1, 7, 2})), In("table", {7, 33})}});
  cases.push_back({"embed", "no_rows", {}, {In("ids", {0}, "i32"), In("table", {7, 33})}});
  return cases;
}

}  // namespace

CONCORD_DEFINE_OP(embed) {
  return OpBuilder<NoAttrs>("embed", 1, "rows of a table by id, decoded to f32")
      .Input("ids")
      .Weight("table")
      .Output("y")
      .Infer(InferEmbed)
      .Reference(ReferenceEmbed)
      .Tolerance(ToleranceEmbed)
      .Cases(CasesEmbed)
      .Build();
}

}  // namespace concord::ops
