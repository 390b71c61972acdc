#include "runtime/exec/model_graph.h"

#include <algorithm>

#include "runtime/exec/canary.h"
#include "runtime/exec/capacities.h"
#include "runtime/exec/demo_model.h"
#include "runtime/models/model.h"

namespace concord::exec {
namespace {

absl::Status CheckOptions(const LoadOptions& options) {
  static constexpr const char* kKvTypes[] = {"f32", "f16", "bf16", "q8_0"};
  if (std::none_of(std::begin(kKvTypes), std::end(kKvTypes), [&](const char* t) { return options.kv_type == t; })) {
    return absl::InvalidArgumentError(absl::StrCat("kv_type is '", options.kv_type, "', want f32, f16, bf16 or q8_0"));
  }
  if (options.compute != "fast" && options.compute != "exact") {
    return absl::InvalidArgumentError(absl::StrCat("compute is '", options.compute, "', want fast or exact"));
  }
  if (std::none_of(std::begin(kCanaryWords), std::end(kCanaryWords),
                   [&](const char* w) { return options.canary == w; })) {
    return absl::InvalidArgumentError(absl::StrCat("canary is '", options.canary, "', want off, warn, strict or full"));
  }
  if (options.threads < 0 || options.context_tokens < 0) {
    return absl::InvalidArgumentError("threads and context_tokens must not be negative; 0 chooses for you");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<loader::ModelSource>> OpenSource(const std::string& path,
                                                                const loader::OpenOptions& options) {
  if (!path.empty()) return loader::Open(path, options);
  const absl::Span<const std::byte> demo = DemoModelBytes();
  if (demo.empty()) {
    return absl::NotFoundError(
        "this library was built without the demo model (examples/demo-model/demo.gguf); name a model");
  }
  return loader::OpenMemory(demo, "built-in demo model", options);
}

absl::StatusOr<ModelGraph> BuildGraph(const loader::ModelSource& source, const LoadOptions& options) {
  CONCORD_RETURN_IF_ERROR(CheckOptions(options));
  ModelGraph built;
  CONCORD_ASSIGN_OR_RETURN(built.context, ContextFor(options.context_tokens, models::MaxContext(source).value_or(0)));
  CONCORD_ASSIGN_OR_RETURN(built.module, models::BuildModule(source, {.kv_packing = options.kv_type,
                                                                      .block_tokens = kBlockTokens,
                                                                      .context_tokens = built.context}));
  return built;
}

}  // namespace concord::exec
