#include "runtime/exec/probe_graphs.h"

#include <numeric>

#include "runtime/exec/capacities.h"
#include "runtime/graph/builder.h"

namespace concord::exec {
namespace {

using graph::Builder;
using graph::ValueId;
using ops::Dim;

ValueId Weight(Builder& builder, const char* name, std::vector<Dim> dims, const char* packing) {
  return builder.Weight(name, {packing::Find(packing), std::move(dims), ""}, {.tensor = name});
}

int64_t Blocks(int64_t kv_len) { return (kv_len + kBlockTokens - 1) / kBlockTokens; }

}  // namespace

absl::StatusOr<graph::Module> LinearChain(int64_t width, int64_t ff, const char* packing, int64_t pairs) {
  Builder builder("linears");
  ValueId x = builder.Input("x", {Dim::Symbol(ops::kNTokens), width}, "f32");
  for (int64_t i = 0; i < pairs; ++i) {
    const auto scope = builder.Scope(absl::StrCat(i));
    const ValueId up = builder.Apply1("linear", {{"x", x}, {"w", Weight(builder, "up", {ff, width}, packing)}});
    const ValueId down = builder.Apply1("linear", {{"x", up}, {"w", Weight(builder, "down", {width, ff}, packing)}});
    x = builder.Apply1("rms_norm", {{"x", down}, {"w", Weight(builder, "norm", {width}, "f32")}});
  }
  builder.Output("y", x);
  return builder.Finish();
}

absl::StatusOr<graph::Module> TinyLayers(int64_t layers) {
  constexpr int64_t kWidth = 64, kFf = 128, kHeads = 8, kKvHeads = 4, kDim = 8;
  Builder builder("layers");
  const auto linear = [&](const char* name, ValueId x, int64_t in, int64_t out, int64_t heads) {
    return builder.Apply1("linear", {{"x", x}, {"w", Weight(builder, name, {out, in}, "f32")}}, {{"heads", heads}});
  };
  const auto norm = [&](const char* name, ValueId x) {
    return builder.Apply1("rms_norm", {{"x", x}, {"w", Weight(builder, name, {kWidth}, "f32")}});
  };
  const ValueId positions = builder.Input("positions", {Dim::Symbol(ops::kNTokens)});
  const ValueId inv_freq = builder.Table("inv_freq", std::vector<float>(kDim / 2, 1.0f));
  const auto rope = [&](ValueId x) {
    return builder.Apply1("rope", {{"x", x}, {"positions", positions}, {"inv_freq", inv_freq}});
  };
  ValueId x = builder.Input("x", {Dim::Symbol(ops::kNTokens), kWidth}, "f32");
  const int group = builder.AddPagedGroup("kv", kBlockTokens);
  for (int64_t i = 0; i < layers; ++i) {
    const auto scope = builder.Scope(absl::StrCat(i));
    ValueId h = norm("norm", x);
    const ValueId q = rope(linear("q", h, kWidth, kWidth, kHeads));
    const ValueId k = rope(linear("k", h, kWidth, kKvHeads * kDim, kKvHeads));
    const ValueId v = linear("v", h, kWidth, kKvHeads * kDim, kKvHeads);
    const ValueId y = builder.AppendAndAttend(group, q, k, v, "f32", {});
    x = builder.Apply1("add", {{"a", x}, {"b", linear("o", y, kWidth, kWidth, 0)}});
    h = norm("norm_2", x);
    h = builder.Apply1("glu", {{"gate", linear("gate", h, kWidth, kFf, 0)}, {"up", linear("up", h, kWidth, kFf, 0)}});
    x = builder.Apply1("add", {{"a", x}, {"b", linear("down", h, kFf, kWidth, 0)}});
  }
  builder.Output("y", x);
  return builder.Finish();
}

absl::StatusOr<graph::Module> AttentionLayer(const char* kv_packing, const HeadShape& shape) {
  Builder builder("attention");
  const Dim n_tokens = Dim::Symbol(ops::kNTokens);
  const ValueId q = builder.Input("q", {n_tokens, shape.n_heads, shape.d_head}, "f32");
  const ValueId k = builder.Input("k", {n_tokens, shape.n_kv_heads, shape.d_head}, "f32");
  const ValueId v = builder.Input("v", {n_tokens, shape.n_kv_heads, shape.d_head}, "f32");
  const int group = builder.AddPagedGroup("kv", kBlockTokens);
  builder.Output("y", builder.AppendAndAttend(group, q, k, v, kv_packing, {}));
  return builder.Finish();
}

graph::SymbolValues AttentionSizes(int64_t n_tokens, int64_t kv_len) {
  return StepCapacities{n_tokens, 1, 1, Blocks(kv_len), Blocks(kv_len)}.symbols();
}

ProbeProgram::Integers AttentionInputs(int64_t n_tokens, int64_t kv_len) {
  std::vector<int32_t> slots(static_cast<size_t>(n_tokens)), table(static_cast<size_t>(Blocks(kv_len)));
  std::iota(slots.begin(), slots.end(), static_cast<int32_t>(kv_len - n_tokens));
  std::iota(table.begin(), table.end(), 0);
  return {{"kv.slots", std::move(slots)},
          {"kv.block_table", std::move(table)},
          {"q_start", {0, static_cast<int32_t>(n_tokens)}},
          {"kv_len", {static_cast<int32_t>(kv_len)}}};
}

absl::StatusOr<graph::Module> RowChain(int64_t width, int64_t pairs) {
  Builder builder("rows");
  const ValueId b = builder.Input("b", {Dim::Symbol(ops::kNTokens), width}, "f32");
  ValueId x = builder.Input("x", {Dim::Symbol(ops::kNTokens), width}, "f32");
  for (int64_t i = 0; i < pairs; ++i) {
    const auto scope = builder.Scope(absl::StrCat(i));
    x = builder.Apply1("add", {{"a", x}, {"b", b}});
    x = builder.Apply1("rms_norm", {{"x", x}, {"w", Weight(builder, "norm", {width}, "f32")}});
  }
  builder.Output("y", x);
  return builder.Finish();
}

}  // namespace concord::exec
