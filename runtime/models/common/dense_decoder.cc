#include "runtime/models/common/dense_decoder.h"

#include <algorithm>

namespace concord::models {
namespace {

struct Params {
  int64_t n_layers, d_model, n_heads, n_kv_heads, d_head, d_ff, n_rot, max_context;
  double norm_eps;
  bool tied;
  std::string act;
  int64_t window = 0, first_window_layer = 0;  // sliding attention from that layer on; 0 = none
};

struct Rotary {
  ValueId inv_freq;
  double attn_factor;
};

absl::Status CheckSizes(const Params& p) {
  for (int64_t size : {p.n_layers, p.d_model, p.n_heads, p.n_kv_heads, p.d_head, p.d_ff}) {
    if (size <= 0 || size > (int64_t{1} << 24)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the settings give ", p.n_layers, " layers of width ", p.d_model, " with ", p.n_heads, " heads (",
          p.n_kv_heads, " for keys) of ", p.d_head, " and a feed-forward width of ", p.d_ff, "; all must be positive"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Activation(const loader::Config& config) {
  CONCORD_ASSIGN_OR_RETURN(const std::string act, config.StringOr({"", "hidden_act|hidden_activation"}, "silu"));
  if (act == "silu" || act == "swish") return std::string("silu");
  if (act == "gelu_pytorch_tanh" || act == "gelu_new") return std::string("gelu_tanh");
  return absl::UnimplementedError(
      absl::StrCat("hidden_act is '", act, "'; Concord knows silu and gelu_pytorch_tanh here"));
}

absl::StatusOr<Params> ReadParams(const loader::Config& c, const DenseStyle& style) {
  Params p;
  CONCORD_ASSIGN_OR_RETURN(p.n_layers, c.RequireInt({"block_count", "num_hidden_layers"}));
  CONCORD_ASSIGN_OR_RETURN(p.d_model, c.RequireInt({"embedding_length", "hidden_size"}));
  CONCORD_ASSIGN_OR_RETURN(p.n_heads, c.RequireInt({"attention.head_count", "num_attention_heads"}));
  CONCORD_ASSIGN_OR_RETURN(p.n_kv_heads, c.IntOr({"attention.head_count_kv", "num_key_value_heads"}, p.n_heads));
  CONCORD_ASSIGN_OR_RETURN(p.d_head,
                           c.IntOr({"attention.key_length", "head_dim"}, p.n_heads > 0 ? p.d_model / p.n_heads : 0));
  if (style.experts == nullptr) {
    CONCORD_ASSIGN_OR_RETURN(p.d_ff, c.RequireInt({"feed_forward_length", "intermediate_size"}));
  } else {  // of layers without experts, and there may be none
    CONCORD_ASSIGN_OR_RETURN(p.d_ff, c.IntOr({"feed_forward_length", "intermediate_size"}, style.experts->d_ff));
  }
  CONCORD_ASSIGN_OR_RETURN(p.n_rot, c.IntOr({"rope.dimension_count", ""}, p.d_head));
  CONCORD_ASSIGN_OR_RETURN(const double partial, c.FloatOr({"", "partial_rotary_factor"}, 1));
  p.n_rot = std::min(p.n_rot, static_cast<int64_t>(static_cast<double>(p.d_head) * partial));
  CONCORD_ASSIGN_OR_RETURN(p.max_context, c.IntOr({"context_length", "max_position_embeddings"}, 0));
  CONCORD_ASSIGN_OR_RETURN(p.norm_eps, c.FloatOr({"attention.layer_norm_rms_epsilon", "rms_norm_eps"}, style.norm_eps));
  CONCORD_ASSIGN_OR_RETURN(p.tied, c.BoolOr({"", "tie_word_embeddings"}, false));
  CONCORD_ASSIGN_OR_RETURN(p.act, Activation(c));
  CONCORD_ASSIGN_OR_RETURN(const bool sliding, c.BoolOr({"", "use_sliding_window"}, false));
  if (sliding) {
    CONCORD_ASSIGN_OR_RETURN(p.window, c.IntOr({"", "sliding_window"}, 0));
    CONCORD_ASSIGN_OR_RETURN(p.first_window_layer, c.IntOr({"", "max_window_layers"}, 0));
  }
  CONCORD_RETURN_IF_ERROR(CheckSizes(p));
  return p;
}

ValueId Attention(ModelBuilder& m, const Params& p, const DenseStyle& style, const Rotary& rope, ValueId h, int group,
                  int64_t layer) {
  const int64_t kv_width = p.n_kv_heads * p.d_head;
  ValueId q = m.Linear(h, {"self_attn.q_proj", "attn_q"}, p.d_model, p.n_heads * p.d_head, p.n_heads);
  ValueId k = m.Linear(h, {"self_attn.k_proj", "attn_k"}, p.d_model, kv_width, p.n_kv_heads);
  const ValueId v = m.Linear(h, {"self_attn.v_proj", "attn_v"}, p.d_model, kv_width, p.n_kv_heads);
  if (style.qk_norm) {
    q = m.RmsNorm(q, {"self_attn.q_norm", "attn_q_norm"}, p.d_head, p.norm_eps);
    k = m.RmsNorm(k, {"self_attn.k_norm", "attn_k_norm"}, p.d_head, p.norm_eps);
  }
  const char* kind = m.gguf() ? style.gguf_rope_kind : "neox";
  q = m.Rope(q, rope.inv_freq, rope.attn_factor, kind);
  k = m.Rope(k, rope.inv_freq, rope.attn_factor, kind);
  ops::Attrs attrs;
  if (p.window > 0 && layer >= p.first_window_layer) attrs.Set("window", p.window);
  return m.g().AppendAndAttend(group, q, k, v, m.options().kv_packing.c_str(), attrs);
}

ValueId Block(ModelBuilder& m, const Params& p, const DenseStyle& style, const Rotary& rope, ValueId x, int group,
              int64_t layer) {
  ValueId h = m.RmsNorm(x, {"input_layernorm", "attn_norm"}, p.d_model, p.norm_eps);
  ValueId y = Attention(m, p, style, rope, h, group, layer);
  if (layer + 1 == p.n_layers) x = m.OutputRows(x), y = m.OutputRows(y);
  x = m.Add(x, m.Linear(y, {"self_attn.o_proj", "attn_output"}, p.n_heads * p.d_head, p.d_model));
  h = m.RmsNorm(x, {"post_attention_layernorm", "ffn_norm"}, p.d_model, p.norm_eps);
  if (style.experts != nullptr && m.Has({"mlp.gate", "ffn_gate_inp"})) {
    return m.Add(x, m.Experts(h, p.d_model, *style.experts, style.routing));
  }
  return m.Add(x, m.GatedFfn(h, {"mlp.gate_proj", "ffn_gate"}, {"mlp.up_proj", "ffn_up"}, {"mlp.down_proj", "ffn_down"},
                             p.d_model, p.d_ff, p.act.c_str()));
}

}  // namespace

absl::StatusOr<graph::Module> BuildDenseDecoder(const loader::ModelSource& source, const BuildOptions& options,
                                                const DenseStyle& style) {
  CONCORD_ASSIGN_OR_RETURN(const Params p, ReadParams(source.config(), style));
  const int64_t context = options.context_tokens > 0 ? options.context_tokens : p.max_context;
  CONCORD_ASSIGN_OR_RETURN(const RopeTable rope_table, MakeRopeTable(source, p.n_rot, style.rope_base, context));

  constexpr WeightName kEmbed = {"embed_tokens", "token_embd"}, kHead = {"lm_head", "output"};
  ModelBuilder m(source, options, style.name, {"model.", "model.language_model.", "language_model.model.", ""},
                 "embed_tokens.weight");
  const int64_t n_vocab = m.Rows(kEmbed);
  const ValueId table = m.Weight(kEmbed, {n_vocab, p.d_model});
  const int group = m.g().AddPagedGroup("kv", options.block_tokens);
  const Rotary rope = {m.g().Table("rope.inv_freq", rope_table.inv_freq), rope_table.attn_factor};
  ValueId x = m.Embed(m.Tokens(), table);
  for (int64_t layer = 0; layer < p.n_layers && m.g().ok(); ++layer) {
    auto scope = m.Layer(layer);
    x = Block(m, p, style, rope, x, group, layer);
  }
  m.EndLayer();
  x = m.RmsNorm(x, {"norm", "output_norm"}, p.d_model, p.norm_eps);
  const bool tied = p.tied || !m.Has(kHead);
  m.g().Output("logits",
               tied ? m.g().Apply1("linear", {{"x", x}, {"w", table}}) : m.Linear(x, kHead, p.d_model, n_vocab));
  return m.Finish(n_vocab, p.max_context);
}

}  // namespace concord::models
