#include "runtime/loader/synthetic_plan.h"

#include <utility>

namespace concord::loader {
namespace {

void AppendUtf8(uint32_t code, std::string* out) {  // below U+0800
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
    return;
  }
  out->push_back(static_cast<char>(0xC0 | code >> 6));
  out->push_back(static_cast<char>(0x80 | (code & 0x3F)));
}

// The printable stand-ins that byte-level BPE uses for bytes.
std::vector<std::string> ByteSymbols() {
  std::vector<std::string> symbols(256);
  uint32_t next = 256;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    AppendUtf8(printable ? byte : next++, &symbols[byte]);
  }
  return symbols;
}

void SetVocabulary(const SyntheticShape& shape, GgufWriter* writer) {
  const size_t vocab = static_cast<size_t>(shape.vocab);
  std::vector<std::string> tokens = ByteSymbols();
  std::vector<int32_t> types(256, 1);
  tokens.reserve(vocab);
  while (tokens.size() + 1 < vocab) tokens.push_back(absl::StrCat("<unused", tokens.size() - 256, ">"));
  tokens.push_back("<|endoftext|>");
  types.resize(vocab, 5);
  types.back() = 3;
  const absl::string_view arch = shape.arch;
  writer->SetString("tokenizer.ggml.model", "gpt2");
  writer->SetString("tokenizer.ggml.pre", arch == "llama" ? "llama-bpe" : arch == "gpt2" ? "gpt-2" : "qwen2");
  writer->SetStrings("tokenizer.ggml.tokens", tokens);
  writer->SetI32s("tokenizer.ggml.token_type", types);
  writer->SetStrings("tokenizer.ggml.merges", {"Ġ t"});
  writer->SetU32("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(vocab - 1));
  writer->SetU32("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(vocab - 1));
}

class Plan {
 public:
  Plan(const SyntheticShape& shape, const std::string& type) : s_(shape), mixed_(type == "q4_k_m") {
    base_ = packing::Find(mixed_ ? "q4_k" : type.c_str());
    better_ = mixed_ ? packing::Find("q6_k") : base_;
    f32_ = packing::Find("f32");
    f16_ = packing::Find("f16");
    q8_0_ = packing::Find("q8_0");
  }

  absl::StatusOr<std::vector<SyntheticTensor>> Build() {
    if (!base_ || !better_ || !f32_ || !f16_ || !q8_0_) {
      return absl::InternalError("a packing that synthetic models need is not part of this build");
    }
    Matrix("token_embd.weight", s_.vocab, s_.width, s_.tied);
    Norm("output_norm");
    if (!s_.tied) Matrix("output.weight", s_.vocab, s_.width, true);
    if (Gpt2()) Add("position_embd.weight", f32_, {s_.context, s_.width});
    for (int64_t i = 0; i < s_.layers; ++i) Gpt2() ? Gpt2Layer(i) : Layer(i);
    return std::move(tensors_);
  }

 private:
  bool Gpt2() const { return absl::string_view(s_.arch) == "gpt2"; }
  // The layers to which q4_k_m gives more bits: the first and last eighth and every third between.
  bool MoreBits(int64_t i) const { return i < s_.layers / 8 || i >= 7 * s_.layers / 8 || (i - s_.layers / 8) % 3 == 2; }
  void Add(std::string name, const packing::Packing* type, std::vector<int64_t> dims, bool ones = false) {
    tensors_.push_back({std::move(name), type, std::move(dims), ones});
  }
  void Matrix(std::string name, int64_t out, int64_t in, bool better = false) {
    const packing::Packing* type = better ? better_ : base_;
    if (in % type->block_elems != 0) type = in % q8_0_->block_elems == 0 ? q8_0_ : f16_;
    Add(std::move(name), type, {out, in});
  }
  void Norm(const std::string& name) {
    Add(name + ".weight", f32_, {s_.width}, true);
    if (Gpt2()) Add(name + ".bias", f32_, {s_.width});
  }
  void Biased(const std::string& name, int64_t out, int64_t in, bool better = false) {
    Matrix(name + ".weight", out, in, better);
    Add(name + ".bias", f32_, {out});
  }

  void Gpt2Layer(int64_t i) {
    const std::string b = absl::StrCat("blk.", i, ".");
    Norm(b + "attn_norm");
    Biased(b + "attn_qkv", 3 * s_.width, s_.width, MoreBits(i));
    Biased(b + "attn_output", s_.width, s_.width);
    Norm(b + "ffn_norm");
    Biased(b + "ffn_up", s_.ffn_width, s_.width);
    Biased(b + "ffn_down", s_.width, s_.ffn_width, MoreBits(i));
  }

  void Layer(int64_t i) {
    const std::string b = absl::StrCat("blk.", i, ".");
    const absl::string_view arch = s_.arch;
    const int64_t q = s_.heads * s_.head_dim, kv = s_.kv_heads * s_.head_dim;
    Norm(b + "attn_norm");
    Matrix(b + "attn_q.weight", q, s_.width);
    Matrix(b + "attn_k.weight", kv, s_.width);
    Matrix(b + "attn_v.weight", kv, s_.width, MoreBits(i));
    Matrix(b + "attn_output.weight", s_.width, q);
    if (arch == "qwen2") {
      Add(b + "attn_q.bias", f32_, {q});
      Add(b + "attn_k.bias", f32_, {kv});
      Add(b + "attn_v.bias", f32_, {kv});
    }
    if (arch == "qwen3" || arch == "qwen3moe") {
      Add(b + "attn_q_norm.weight", f32_, {s_.head_dim}, true);
      Add(b + "attn_k_norm.weight", f32_, {s_.head_dim}, true);
    }
    Norm(b + "ffn_norm");
    if (s_.experts > 0) return Experts(i, b);
    Matrix(b + "ffn_gate.weight", s_.ffn_width, s_.width);
    Matrix(b + "ffn_up.weight", s_.ffn_width, s_.width);
    Matrix(b + "ffn_down.weight", s_.width, s_.ffn_width, MoreBits(i));
  }

  void Experts(int64_t i, const std::string& b) {
    Add(b + "ffn_gate_inp.weight", f32_, {s_.experts, s_.width});
    Stack(b + "ffn_gate_exps.weight", s_.ffn_width, s_.width);
    Stack(b + "ffn_up_exps.weight", s_.ffn_width, s_.width);
    Stack(b + "ffn_down_exps.weight", s_.width, s_.ffn_width, MoreBits(i));
  }
  // A matrix of each expert in one tensor.
  void Stack(std::string name, int64_t out, int64_t in, bool better = false) {
    Matrix(std::move(name), out, in, better);
    tensors_.back().dims.insert(tensors_.back().dims.begin(), s_.experts);
  }

  const SyntheticShape& s_;
  bool mixed_;
  const packing::Packing *base_, *better_, *f32_, *f16_, *q8_0_;
  std::vector<SyntheticTensor> tensors_;
};

}  // namespace

void SetSyntheticMetadata(const SyntheticShape& shape, const std::string& name, GgufWriter* writer) {
  const bool gpt2 = absl::string_view(shape.arch) == "gpt2";
  const auto u32 = [&](absl::string_view key, int64_t value) {
    writer->SetU32(absl::StrCat(shape.arch, ".", key), static_cast<uint32_t>(value));
  };
  writer->SetString("general.architecture", shape.arch);
  writer->SetString("general.name", name);
  u32("block_count", shape.layers);
  u32("context_length", shape.context);
  u32("embedding_length", shape.width);
  u32("feed_forward_length", shape.ffn_width);
  if (shape.experts > 0) {
    u32("expert_count", shape.experts);
    u32("expert_used_count", shape.experts_used);
    u32("expert_feed_forward_length", shape.ffn_width);
  }
  u32("attention.head_count", shape.heads);
  u32("attention.head_count_kv", shape.kv_heads);
  u32("vocab_size", shape.vocab);
  if (gpt2) {
    writer->SetF32("gpt2.attention.layer_norm_epsilon", 1e-5f);
  } else {
    u32("attention.key_length", shape.head_dim);
    u32("attention.value_length", shape.head_dim);
    u32("rope.dimension_count", shape.head_dim);
    writer->SetF32(absl::StrCat(shape.arch, ".rope.freq_base"), static_cast<float>(shape.rope_base));
    writer->SetF32(absl::StrCat(shape.arch, ".attention.layer_norm_rms_epsilon"), 1e-5f);
  }
  SetVocabulary(shape, writer);
}

absl::StatusOr<std::vector<SyntheticTensor>> PlanSyntheticTensors(const SyntheticShape& shape,
                                                                  const std::string& type) {
  return Plan(shape, type).Build();
}

}  // namespace concord::loader
