#include "runtime/models/common/dense_decoder.h"

// Llama 1, 2, 3.x and what shares their graph: DeepSeek LLM and Coder, R1-Distill-Llama, InternLM v1 and 3, Mistral.
// Source: Touvron et al., arXiv:2302.13971; Dubey et al., arXiv:2407.21783.
namespace concord::models {
namespace {

absl::StatusOr<graph::Module> BuildLlama(const loader::ModelSource& source, const BuildOptions& options) {
  CONCORD_ASSIGN_OR_RETURN(const int64_t experts, source.config().IntOr({"expert_count", "num_local_experts"}, 0));
  if (experts > 0) {
    return absl::UnimplementedError(absl::StrCat("this llama has ", experts, " experts; Concord runs dense ones only"));
  }
  // GGUF converters permute the rows of q and k, hence "norm" there.
  return BuildDenseDecoder(source, options, {.name = "llama", .gguf_rope_kind = "norm", .norm_eps = 1e-5});
}

}  // namespace

CONCORD_DEFINE_MODEL(llama) {
  return {"llama",
          "Llama 1-3.x, DeepSeek LLM, R1-Distill-Llama, InternLM3",
          {"llama"},
          {"LlamaForCausalLM", "llama", "InternLM3ForCausalLM", "internlm3", "MistralForCausalLM"},
          BuildLlama};
}

}  // namespace concord::models
