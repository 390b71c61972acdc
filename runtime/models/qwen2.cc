#include "runtime/models/common/dense_decoder.h"

// Qwen1.5, 2, 2.5, QwQ, R1-Distill-Qwen: the llama block with biases on q, k and v.
// Source: Yang et al., arXiv:2407.10671.
namespace concord::models {
namespace {

absl::StatusOr<graph::Module> BuildQwen2(const loader::ModelSource& source, const BuildOptions& options) {
  return BuildDenseDecoder(source, options, {.name = "qwen2", .rope_base = 1e6});
}

}  // namespace

CONCORD_DEFINE_MODEL(qwen2) {
  return {"qwen2", "Qwen1.5, 2, 2.5, QwQ, R1-Distill-Qwen", {"qwen2"}, {"Qwen2ForCausalLM", "qwen2"}, BuildQwen2};
}

}  // namespace concord::models
