#include "runtime/models/common/model_builder.h"

// GPT-2: LayerNorm, learned positions, biased linears, tanh GELU, tied head.
// x = wte[token] + wpe[position]; x += proj(attn(ln_1 x)); x += proj(gelu(fc(ln_2 x))); logits = ln_f(x) wte^T.
// Hugging Face files hold Conv1D weights as [in, out]; q, k and v are row ranges of one fused tensor.
// Source: Radford et al., Language Models are Unsupervised Multitask Learners, 2019.
namespace concord::models {
namespace {

struct Params {
  int64_t n_layers, d_model, n_heads, d_ff, n_positions;
  double eps;
};

absl::StatusOr<Params> ReadParams(const loader::Config& c) {
  Params p;
  CONCORD_ASSIGN_OR_RETURN(p.n_layers, c.RequireInt({"block_count", "n_layer|num_hidden_layers"}));
  CONCORD_ASSIGN_OR_RETURN(p.d_model, c.RequireInt({"embedding_length", "n_embd|hidden_size"}));
  CONCORD_ASSIGN_OR_RETURN(p.n_heads, c.RequireInt({"attention.head_count", "n_head|num_attention_heads"}));
  CONCORD_ASSIGN_OR_RETURN(p.d_ff, c.IntOr({"feed_forward_length", "n_inner"}, 4 * p.d_model));
  CONCORD_ASSIGN_OR_RETURN(p.n_positions, c.IntOr({"context_length", "n_positions|max_position_embeddings"}, 1024));
  CONCORD_ASSIGN_OR_RETURN(p.eps, c.FloatOr({"attention.layer_norm_epsilon", "layer_norm_epsilon"}, 1e-5));
  CONCORD_ASSIGN_OR_RETURN(const std::string act, c.StringOr({"", "activation_function"}, "gelu_new"));
  if (act != "gelu_new" && act != "gelu_pytorch_tanh") {
    return absl::UnimplementedError(absl::StrCat("activation_function is '", act, "'; Concord knows gelu_new here"));
  }
  if (p.n_layers <= 0 || p.d_model <= 0 || p.n_heads <= 0 || p.d_model % p.n_heads != 0 || p.d_ff <= 0 ||
      p.n_positions <= 0) {
    return absl::InvalidArgumentError(absl::StrCat("the settings give ", p.n_layers, " layers of width ", p.d_model,
                                                   " in ", p.n_heads,
                                                   " heads; the width must be a positive multiple of the heads"));
  }
  return p;
}

// Rows [part·d, (part+1)·d) of the fused q|k|v projection, as heads.
ValueId QkvPart(ModelBuilder& m, const Params& p, ValueId h, int64_t part) {
  return m.Linear(h, {"attn.c_attn", "attn_qkv"}, p.d_model, p.d_model, p.n_heads,
                  {.transpose = !m.gguf(), .row_begin = part * p.d_model, .row_count = p.d_model});
}

ValueId Block(ModelBuilder& m, const Params& p, ValueId x, int group, bool last) {
  const graph::WeightSource conv1d = {.transpose = !m.gguf()};
  ValueId h = m.LayerNorm(x, {"ln_1", "attn_norm"}, p.d_model, p.eps);
  const ValueId q = QkvPart(m, p, h, 0), k = QkvPart(m, p, h, 1), v = QkvPart(m, p, h, 2);
  ValueId y = m.g().AppendAndAttend(group, q, k, v, m.options().kv_packing.c_str(), {});
  if (last) x = m.OutputRows(x), y = m.OutputRows(y);
  x = m.Add(x, m.Linear(y, {"attn.c_proj", "attn_output"}, p.d_model, p.d_model, 0, conv1d));
  h = m.Linear(m.LayerNorm(x, {"ln_2", "ffn_norm"}, p.d_model, p.eps), {"mlp.c_fc", "ffn_up"}, p.d_model, p.d_ff, 0,
               conv1d);
  h = m.g().Apply1("unary", {{"x", h}}, {{"kind", std::string("gelu_tanh")}});
  return m.Add(x, m.Linear(h, {"mlp.c_proj", "ffn_down"}, p.d_ff, p.d_model, 0, conv1d));
}

absl::StatusOr<graph::Module> BuildGpt2(const loader::ModelSource& source, const BuildOptions& options) {
  CONCORD_ASSIGN_OR_RETURN(const Params p, ReadParams(source.config()));
  constexpr WeightName kEmbed = {"wte", "token_embd"}, kHead = {"lm_head", "output"};
  ModelBuilder m(source, options, "gpt2", {"transformer.", ""}, "wte.weight");
  const int64_t n_vocab = m.Rows(kEmbed);
  const ValueId table = m.Weight(kEmbed, {n_vocab, p.d_model});
  const ValueId positions = m.Weight({"wpe", "position_embd"}, {p.n_positions, p.d_model});
  const int group = m.g().AddPagedGroup("kv", options.block_tokens);
  ValueId x = m.Add(m.Embed(m.Tokens(), table), m.Embed(m.Positions(), positions));
  for (int64_t layer = 0; layer < p.n_layers && m.g().ok(); ++layer) {
    auto scope = m.Layer(layer, "h");
    x = Block(m, p, x, group, layer + 1 == p.n_layers);
  }
  m.EndLayer();
  x = m.LayerNorm(x, {"ln_f", "output_norm"}, p.d_model, p.eps);
  CONCORD_ASSIGN_OR_RETURN(const bool tied, source.config().BoolOr({"", "tie_word_embeddings"}, true));
  const bool own_head = m.Has(kHead) && (m.gguf() || !tied);
  m.g().Output("logits",
               own_head ? m.Linear(x, kHead, p.d_model, n_vocab) : m.g().Apply1("linear", {{"x", x}, {"w", table}}));
  return m.Finish(n_vocab, p.n_positions);
}

}  // namespace

CONCORD_DEFINE_MODEL(gpt2) { return {"gpt2", "GPT-2 124M-1.5B", {"gpt2"}, {"GPT2LMHeadModel", "gpt2"}, BuildGpt2}; }

}  // namespace concord::models
