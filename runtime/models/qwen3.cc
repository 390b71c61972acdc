#include "runtime/models/common/dense_decoder.h"

// Qwen3 dense: no biases, RMSNorm on each q and k head before the rotation.
// Source: Qwen3 Technical Report, arXiv:2505.09388.
namespace concord::models {
namespace {

absl::StatusOr<graph::Module> BuildQwen3(const loader::ModelSource& source, const BuildOptions& options) {
  return BuildDenseDecoder(source, options, {.name = "qwen3", .qk_norm = true, .rope_base = 1e6});
}

}  // namespace

CONCORD_DEFINE_MODEL(qwen3) {
  return {"qwen3", "Qwen3 0.6B-32B dense", {"qwen3"}, {"Qwen3ForCausalLM", "qwen3"}, BuildQwen3};
}

}  // namespace concord::models
