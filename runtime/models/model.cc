#include "runtime/models/model.h"

namespace concord::models {

#define CONCORD_MODEL(word) ModelDef MakeModel_##word();
#include "runtime/models/models.inc"
#undef CONCORD_MODEL

const std::vector<ModelDef>& AllModels() {
  static const auto* models = new std::vector<ModelDef>{
#define CONCORD_MODEL(word) MakeModel_##word(),
#include "runtime/models/models.inc"
#undef CONCORD_MODEL
  };
  return *models;
}

absl::StatusOr<graph::Module> BuildModule(const loader::ModelSource& source, const BuildOptions& options) {
  const bool huggingface = source.format() == loader::Format::kHuggingFace;
  std::string known;
  for (const ModelDef& model : AllModels()) {
    for (const char* name : huggingface ? model.huggingface : model.gguf) {
      if (source.architecture() == name) {
        absl::StatusOr<graph::Module> module = model.build(source, options);
        return module.ok() ? std::move(module) : Annotate(module.status(), source.path());
      }
      absl::StrAppend(&known, known.empty() ? "" : ", ", name);
    }
  }
  return absl::UnimplementedError(absl::StrCat(source.path(), ": the architecture '", source.architecture(),
                                               "' is not one that Concord knows; it knows ", known));
}

absl::StatusOr<int64_t> MaxContext(const loader::ModelSource& source) {
  return source.config().IntOr({"context_length", "max_position_embeddings|n_positions"}, 0);
}

}  // namespace concord::models
