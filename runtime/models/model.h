#pragma once

#include <string>
#include <vector>

#include "runtime/graph/module.h"
#include "runtime/loader/model_source.h"

namespace concord::models {

struct BuildOptions {
  std::string kv_packing = "f16";  // type of the KV caches: f32, f16, bf16 or q8_0
  int64_t block_tokens = 32;       // tokens a KV block
  // Tokens a sequence may hold; 0: what the model was made for. Rope scalings that depend on the length get one table
  // for it, which shorter sequences use too (transformers looks at the running length instead):
  //   longrope (Phi)      the long factors when this is above the length before extension, so that a model that only
  //                       ever sees short sequences is better built for at most that length
  //   dynamic (InternLM)  scaled only when this is above what the model was made for. BuildModule allows that; exec
  //                       refuses such a context, so there a dynamic model runs unscaled, within its trained length
  // All other scalings, yarn and llama3 among them, act alike at every length.
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

// The tokens that the model was made for, before its graph is built; 0 where the file does not say. It is the number
// in the file (max_position_embeddings, context_length): who adds a rope scaling to a config must raise it as well.
absl::StatusOr<int64_t> MaxContext(const loader::ModelSource& source);

}  // namespace concord::models
