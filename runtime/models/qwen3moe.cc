#include "runtime/models/common/dense_decoder.h"

// Qwen3 with experts: the block of qwen3, whose feed-forward is 8 of 128 small ones (30B-A3B, 235B-A22B), softmax over
// all of them first and then the weights of the chosen made to sum to 1. Layers without a router are dense.
// Source: Qwen3 Technical Report, arXiv:2505.09388; transformers' modeling_qwen3_moe.
namespace concord::models {
namespace {

absl::StatusOr<ExpertSizes> ReadSizes(const loader::Config& c) {
  ExpertSizes sizes;
  CONCORD_ASSIGN_OR_RETURN(sizes.experts, c.RequireInt({"expert_count", "num_experts|num_local_experts"}));
  CONCORD_ASSIGN_OR_RETURN(sizes.used, c.RequireInt({"expert_used_count", "num_experts_per_tok"}));
  CONCORD_ASSIGN_OR_RETURN(sizes.d_ff, c.RequireInt({"expert_feed_forward_length", "moe_intermediate_size"}));
  constexpr int64_t kMost = int64_t{1} << 24;
  if (sizes.used < 1 || sizes.used > sizes.experts || sizes.experts > kMost || sizes.d_ff < 1 || sizes.d_ff > kMost) {
    return absl::InvalidArgumentError(absl::StrCat("the settings give ", sizes.experts, " experts of width ",
                                                   sizes.d_ff, ", ", sizes.used, " of them a token"));
  }
  return sizes;
}

absl::StatusOr<graph::Module> BuildQwen3Moe(const loader::ModelSource& source, const BuildOptions& options) {
  CONCORD_ASSIGN_OR_RETURN(const ExpertSizes sizes, ReadSizes(source.config()));
  // Converters leave it out of GGUF files, where it is always meant; a config.json without it means the opposite.
  const bool huggingface = source.format() == loader::Format::kHuggingFace;
  CONCORD_ASSIGN_OR_RETURN(const bool normalise,
                           source.config().BoolOr({"expert_weights_norm", "norm_topk_prob"}, !huggingface));
  DenseStyle style = {.name = "qwen3moe", .qk_norm = true, .rope_base = 1e6, .experts = &sizes};
  style.routing.Set("normalise", int64_t{normalise});
  return BuildDenseDecoder(source, options, style);
}

}  // namespace

CONCORD_DEFINE_MODEL(qwen3moe) {
  return {"qwen3moe",
          "Qwen3 30B-A3B, 235B-A22B, Coder with experts",
          {"qwen3moe"},
          {"Qwen3MoeForCausalLM", "qwen3_moe"},
          BuildQwen3Moe};
}

}  // namespace concord::models
