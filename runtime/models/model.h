#pragma once

#include <string>
#include <vector>

#include "runtime/graph/module.h"
#include "runtime/loader/model_source.h"

namespace concord::models {

struct BuildOptions {
  std::string kv_packing = "f16";  // type of the KV caches: f32, f16, bf16 or q8_0
  int64_t block_tokens = 32;       // tokens a KV block
  // Tokens a sequence may hold; rope tables that depend on the length (dynamic, longrope) are chosen for it.
  // 0: what the model was made for.
  int64_t context_tokens = 0;
};

// One architecture: what files call it, and how its graph is built from a file's settings and tensors.
struct ModelDef {
  const char* name;                      // "qwen3"
  const char* doc;                       // families and sizes that use it, one line
  std::vector<const char*> gguf;         // values of general.architecture
  std::vector<const char*> huggingface;  // values of architectures[0] or model_type
  absl::StatusOr<graph::Module> (*build)(const loader::ModelSource& source, const BuildOptions& options);
};

// Begins the definition of architecture `word` in runtime/models/<word>.cc; the body returns a ModelDef.
#define CONCORD_DEFINE_MODEL(word) ModelDef MakeModel_##word()

// Every architecture, in the order of the sorted list; lives for ever.
const std::vector<ModelDef>& AllModels();

// Builds the module of `source`. Unimplemented for an unknown architecture, naming the known ones; InvalidArgument
// for settings or tensors that do not fit it, naming the tensor, what it is and what was wanted.
absl::StatusOr<graph::Module> BuildModule(const loader::ModelSource& source, const BuildOptions& options);

// The tokens that the model was made for, before its graph is built; 0 where the file does not say.
absl::StatusOr<int64_t> MaxContext(const loader::ModelSource& source);

}  // namespace concord::models
