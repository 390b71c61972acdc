#include "runtime/exec/model_graph.h"

#include <algorithm>

#include "runtime/exec/canary.h"
#include "runtime/exec/capacities.h"
#include "runtime/exec/demo_model.h"
#include "runtime/models/model.h"

namespace concord::exec {
namespace {

absl::Status CheckKv(const std::string& type, int64_t block_tokens, const char* whose) {
  static constexpr const char* kKvTypes[] = {"f32", "f16", "bf16", "q8_0"};
  if (std::find(std::begin(kKvTypes), std::end(kKvTypes), type) == std::end(kKvTypes)) {
    return absl::InvalidArgumentError(absl::StrCat(whose, "kv_type is '", type, "', want f32, f16, bf16 or q8_0"));
  }
  if (block_tokens < 0 || block_tokens > kMaxBlockTokens) {
    return absl::InvalidArgumentError(absl::StrCat(whose, "kv_block_tokens is ", block_tokens, ", want 1 to ",
                                                   kMaxBlockTokens, ", or 0 for ", kBlockTokens));
  }
  return absl::OkStatus();
}

absl::Status CheckHandover(const LoadOptions& options) {
  const std::string &prefill = options.prefill_device, &decode = options.decode_device;
  if (prefill.empty() != decode.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(prefill.empty() ? "decode_device" : "prefill_device", " is '", prefill, decode, "', but ",
                     prefill.empty() ? "prefill_device" : "decode_device", " is not given; hand-over wants both"));
  }
  if (prefill == "auto" || decode == "auto") {
    return absl::InvalidArgumentError("hand-over wants one device to read prompts and one to answer, not 'auto'");
  }
  if (!prefill.empty() && (!options.devices.empty() || !options.place.empty())) {
    return absl::InvalidArgumentError(
        "prefill_device and decode_device say where all of the model runs; leave devices and place empty, or leave out "
        "those two");
  }
  if (decode.empty() && (!options.decode_kv_type.empty() || options.decode_kv_block_tokens != 0)) {
    return absl::InvalidArgumentError("decode_kv_type and decode_kv_block_tokens want a decode_device");
  }
  const std::string& type = options.decode_kv_type.empty() ? options.kv_type : options.decode_kv_type;
  return CheckKv(type, options.decode_kv_block_tokens, "decode_");
}

absl::Status CheckOptions(const LoadOptions& options) {
  CONCORD_RETURN_IF_ERROR(CheckKv(options.kv_type, options.kv_block_tokens, ""));
  CONCORD_RETURN_IF_ERROR(CheckHandover(options));
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
                                                                      .block_tokens = BlockTokensOf(options),
                                                                      .context_tokens = built.context}));
  return built;
}

int64_t StateBytesPerToken(const graph::Module& module) {
  int64_t bytes = 0;
  for (const graph::StateGroup& group : module.state_groups) {
    for (graph::ValueId id : group.states) {
      const ops::TensorType& type = module.main.value(id).type;
      bytes += type.dims[1].value * type.packing->Bytes(type.dims[3].value);
    }
  }
  return bytes;
}

}  // namespace concord::exec
