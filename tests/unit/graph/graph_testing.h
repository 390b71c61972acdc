#pragma once

#include <string>

#include "gtest/gtest.h"
#include "ops/core/op_case.h"
#include "runtime/graph/builder.h"
#include "runtime/graph/evaluate.h"

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

// Memory with random contents for what a graph takes from outside. Ids are those of one step of a TinyLlama: two
// sequences, the first with 3 new tokens after 2, the second with 2 after none.
class Bindings {
 public:
  static SymbolValues TinySymbols() {
    return {{"n_tokens", 5}, {"n_seqs", 2}, {"n_outputs", 2}, {"n_blocks", 4}, {"max_blocks", 2}};
  }

  // Equal names get equal contents, whatever the ids.
  Bindings(const Graph& graph, const SymbolValues& symbols) : views_(graph.values.size()) {
    for (size_t id = 0; id < graph.values.size(); ++id) {
      const Value& value = graph.values[id];
      if (value.role == Role::kIntermediate || value.alias_of != kNoValue) continue;
      views_[id] = View(value, symbols);
      ops::CaseRng rng(std::hash<std::string>()(value.name));
      ops::FillUniform(rng, views_[id]);
      SetIds(value.name, views_[id]);
    }
  }
  const std::vector<ops::TensorView>& views() const { return views_; }

 private:
  ops::TensorView View(const Value& value, const SymbolValues& symbols) {
    memory_.emplace_back(static_cast<size_t>(ResolveBytes(value.type, symbols).value()));
    return ops::TensorView(value.type.packing, ResolveDims(value.type, symbols).value(), memory_.back().data());
  }
  static void SetIds(const std::string& name, const ops::TensorView& view) {
    const std::map<std::string, std::vector<int64_t>> ids = {
        {"tokens", {3, 36, 0, 7, 7}},    {"positions", {2, 3, 4, 0, 1}},
        {"kv.slots", {14, 15, 0, 8, 9}}, {"kv.block_table", {3, 0, 2, -1}},
        {"q_start", {0, 3, 5}},          {"kv_len", {5, 2}},
        {"output_rows", {2, 4}}};
    const auto it = ids.find(name);
    if (it == ids.end()) return;
    for (size_t i = 0; i < it->second.size(); ++i) view.SetInt(static_cast<int64_t>(i), it->second[i]);
  }

  std::vector<std::vector<std::byte>> memory_;
  std::vector<ops::TensorView> views_;
};

// The named outputs, then the states, after running the graph on the bindings that its names give.
inline std::vector<double> Compute(const Graph& graph, const SymbolValues& symbols) {
  const Bindings bindings(graph, symbols);
  absl::StatusOr<Evaluation> result = Evaluate(graph, symbols, bindings.views());
  EXPECT_TRUE(result.ok()) << result.status();
  std::vector<double> all;
  const auto append = [&](ValueId id) {
    const ops::TensorView& view = result->values[id];
    for (int64_t r = 0; r < view.rows(); ++r) {
      for (double v : view.Row(r)) all.push_back(v);
    }
  };
  if (!result.ok()) return all;
  for (const NamedOutput& output : graph.outputs) append(output.value);
  for (size_t id = 0; id < graph.values.size(); ++id) {
    if (graph.values[id].role == Role::kState && graph.values[id].alias_of == kNoValue)
      append(static_cast<ValueId>(id));
  }
  return all;
}

}  // namespace concord::graph::testing
