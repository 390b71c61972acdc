#pragma once

#include "runtime/models/common/model_builder.h"

namespace concord::models {

// What tells one pre-norm dense decoder (RMSNorm, rotary GQA, gated FFN) from another.
struct DenseStyle {
  const char* name;
  // How rotary pairs lie in GGUF files: "norm" where the converter permuted q and k rows (llama), else "neox".
  // Hugging Face files are always "neox" (rotate_half).
  const char* gguf_rope_kind = "neox";
  bool qk_norm = false;      // RMSNorm of every q and k head before the rotation
  double rope_base = 10000;  // where the file does not say
  double norm_eps = 1e-6;    // where the file does not say
  // The experts of layers that have a router (mlp.gate, ffn_gate_inp) and what moe_route does there; null: none do.
  const ExpertSizes* experts = nullptr;
  ops::Attrs routing = {};
};

// Builds the whole module; biases are used wherever the file has them.
// Block: h = x + o(attn(rope(q), rope(k), v)) on norm(x); x = h + ffn(norm(h)).
absl::StatusOr<graph::Module> BuildDenseDecoder(const loader::ModelSource& source, const BuildOptions& options,
                                                const DenseStyle& style);

}  // namespace concord::models
