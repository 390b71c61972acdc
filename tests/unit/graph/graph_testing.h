#pragma once

#include <string>

#include "gtest/gtest.h"
#include "runtime/graph/builder.h"

namespace concord::graph::testing {

struct TinyShape {
  int64_t n_layers = 2, d_model = 32, n_heads = 4, n_kv_heads = 2, d_head = 8, d_ff = 48, n_vocab = 37,
          block_tokens = 4;
  const char* weight_packing = "f32";
  const char* kv_packing = "f32";
};

inline ops::TensorType Type(const char* packing, std::vector<ops::Dim> dims) {
  return {packing::Find(packing), std::move(dims), ""};
}

// The decoder block of llama, written against the builder alone.
class TinyLlama {
 public:
  explicit TinyLlama(TinyShape shape = {}) : s_(shape), b_("tiny") {}

  absl::StatusOr<Module> Build() {
    const ops::Dim n = ops::Dim::Symbol(ops::kNTokens);
    const ValueId table = b_.Weight("embed", Type(s_.weight_packing, {s_.n_vocab, s_.d_model}), {.tensor = "embed"});
    inv_freq_ = b_.Table("inv_freq", {1.0f, 0.5f, 0.25f, 0.125f});
    group_ = b_.AddPagedGroup("kv", s_.block_tokens);
    ValueId x = b_.Apply1("embed", {{"ids", b_.Input("tokens", {n})}, {"table", table}});
    for (int64_t layer = 0; layer < s_.n_layers; ++layer) {
      auto scope = b_.Scope(absl::StrCat("layers.", layer));
      x = Block(x);
    }
    x = b_.Apply1("take_rows", {{"x", x}, {"rows", b_.Input("output_rows", {ops::Dim::Symbol(ops::kNOutputs)})}});
    x = Norm("norm", x);
    b_.Output("hidden", x);
    b_.Output("logits", Linear("head", x, s_.d_model, s_.n_vocab));
    absl::StatusOr<Module> module = b_.Finish();
    if (module.ok()) module->n_vocab = s_.n_vocab, module->max_context = 64;
    return module;
  }
  Builder& b() { return b_; }

 private:
  ValueId Linear(const std::string& name, ValueId x, int64_t in, int64_t out, int64_t heads = 0) {
    const ValueId w = b_.Weight(name, Type(s_.weight_packing, {out, in}), {.tensor = name + ".weight"});
    return b_.Apply1("linear", {{"x", x}, {"w", w}}, {{"heads", heads}});
  }
  ValueId Norm(const std::string& name, ValueId x) {
    const ValueId w = b_.Weight(name, Type("f32", {s_.d_model}), {.tensor = name + ".weight"});
    return b_.Apply1("rms_norm", {{"x", x}, {"w", w}}, {{"eps", 1e-5}});
  }
  ValueId Block(ValueId x) {
    const ValueId positions = b_.Input("positions", {ops::Dim::Symbol(ops::kNTokens)});
    ValueId h = Norm("attn_norm", x);
    ValueId q = Linear("q", h, s_.d_model, s_.n_heads * s_.d_head, s_.n_heads);
    ValueId k = Linear("k", h, s_.d_model, s_.n_kv_heads * s_.d_head, s_.n_kv_heads);
    const ValueId v = Linear("v", h, s_.d_model, s_.n_kv_heads * s_.d_head, s_.n_kv_heads);
    q = b_.Apply1("rope", {{"x", q}, {"positions", positions}, {"inv_freq", inv_freq_}});
    k = b_.Apply1("rope", {{"x", k}, {"positions", positions}, {"inv_freq", inv_freq_}});
    h = Linear("o", b_.AppendAndAttend(group_, q, k, v, s_.kv_packing, {}), s_.n_heads * s_.d_head, s_.d_model);
    x = b_.Apply1("add", {{"a", x}, {"b", h}});
    h = Norm("ffn_norm", x);
    const ValueId gate = Linear("gate", h, s_.d_model, s_.d_ff), up = Linear("up", h, s_.d_model, s_.d_ff);
    h = Linear("down", b_.Apply1("glu", {{"gate", gate}, {"up", up}}), s_.d_ff, s_.d_model);
    return b_.Apply1("add", {{"a", x}, {"b", h}});
  }

  TinyShape s_;
  Builder b_;
  ValueId inv_freq_ = kNoValue;
  int group_ = 0;
};

// Some nodes over f32 [n, d] with few inputs each, of which some results are outputs and some are read by nobody.
inline Graph RandomGraph(ops::CaseRng& rng, int n_nodes) {
  Builder b("random");
  const ops::Dim n = ops::Dim::Symbol("n");
  std::vector<std::vector<ValueId>> by_width(4);
  const auto width = [](size_t w) { return static_cast<int64_t>(1 + 7 * w); };
  for (size_t w = 0; w < by_width.size(); ++w)
    by_width[w].push_back(b.Input(absl::StrCat("x", w), {n, width(w)}, "f32"));
  std::vector<ValueId> made;
  for (int i = 0; i < n_nodes; ++i) {
    const size_t w = static_cast<size_t>(rng.Int(0, 3));
    const auto pick = [&](size_t from) {
      return by_width[from][static_cast<size_t>(rng.Int(0, static_cast<int64_t>(by_width[from].size()) - 1))];
    };
    ValueId y = kNoValue;
    switch (rng.Int(0, 3)) {
      case 0:
        y = b.Apply1("add", {{"a", pick(w)}, {"b", pick(w)}});
        break;
      case 1:
        y = b.Apply1("unary", {{"x", pick(w)}}, {{"kind", std::string("tanh")}});
        break;
      case 2:
        y = b.Apply1("glu", {{"gate", pick(w)}, {"up", pick(w)}});
        break;
      default: {
        const size_t from = static_cast<size_t>(rng.Int(0, 3));
        const ValueId weight = b.Weight(absl::StrCat("w", i), Type("f32", {width(w), width(from)}), {.tensor = "w"});
        y = b.Apply1("linear", {{"x", pick(from)}, {"w", weight}});
      }
    }
    by_width[w].push_back(y);
    made.push_back(y);
  }
  for (size_t i = 0; i < made.size(); ++i) {
    if (i + 1 == made.size() || rng.Int(0, 9) == 0) b.Output(absl::StrCat("y", i), made[i]);
  }
  absl::StatusOr<Module> module = b.Finish();
  EXPECT_TRUE(module.ok()) << module.status();
  return module.ok() ? module->main : Graph();
}

}  // namespace concord::graph::testing
