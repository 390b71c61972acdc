#include "runtime/exec/loaded_model.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "runtime/exec/capacities.h"
#include "runtime/exec/compile.h"
#include "runtime/exec/demo_model.h"
#include "runtime/exec/devices.h"
#include "runtime/exec/tokenizer_source.h"
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
  if (options.threads < 0 || options.context_tokens < 0) {
    return absl::InvalidArgumentError("threads and context_tokens must not be negative; 0 chooses for you");
  }
  return absl::OkStatus();
}

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

ProgressFn ProgressOf(const LoadOptions& options) {
  if (!options.on_progress) return {};
  return [report = options.on_progress](const Progress& p) { report({p.stage, p.done_bytes, p.total_bytes}); };
}

void Warn(const hal::Device& device, absl::string_view message) {
  device.instance().host().Log(LogLevel::kWarning, message);
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

}  // namespace

absl::StatusOr<std::shared_ptr<const LoadedModel>> LoadedModel::Load(const std::string& path,
                                                                     const LoadOptions& options) {
  CONCORD_RETURN_IF_ERROR(CheckOptions(options));
  auto model = std::shared_ptr<LoadedModel>(new LoadedModel);
  loader::OpenOptions open;
  open.progress = ProgressOf(options);
  CONCORD_ASSIGN_OR_RETURN(model->source_, OpenSource(path, open));
  model->info_.path = path;
  CONCORD_RETURN_IF_ERROR(model->Build(options));
  CONCORD_ASSIGN_OR_RETURN(model->devices_, OpenDevices(options));
  CONCORD_RETURN_IF_ERROR(model->Finish(options));
  return model;
}

absl::StatusOr<std::shared_ptr<const LoadedModel>> LoadedModel::Load(std::unique_ptr<loader::ModelSource> source,
                                                                     std::vector<std::shared_ptr<hal::Device>> devices,
                                                                     const LoadOptions& options) {
  CONCORD_RETURN_IF_ERROR(CheckOptions(options));
  auto model = std::shared_ptr<LoadedModel>(new LoadedModel);
  model->source_ = std::move(source);
  model->devices_ = std::move(devices);
  CONCORD_RETURN_IF_ERROR(model->Build(options));
  CONCORD_RETURN_IF_ERROR(model->Finish(options));
  return model;
}

// What needs devices.
absl::Status LoadedModel::Finish(const LoadOptions& options) {
  std::shared_ptr<hal::Device> decode_device;
  if (!options.decode_device.empty()) {
    if (devices_.size() < 2) {
      return absl::InvalidArgumentError(absl::StrCat("prefill_device and decode_device are both ", devices_[0]->id(),
                                                     ": there is nothing to hand over; give it as the device"));
    }
    decode_device = std::move(devices_.back());
    devices_.pop_back();
  }
  CONCORD_RETURN_IF_ERROR(Place(options));
  CONCORD_RETURN_IF_ERROR(LoadWeights(options));
  return decode_device == nullptr ? absl::OkStatus() : LoadDecoder(std::move(decode_device), options);
}

// Of the same file and with the same tokenizer, but a graph and weights of its own: it may be cut, fused and decoded
// otherwise.
absl::Status LoadedModel::LoadDecoder(std::shared_ptr<hal::Device> device, LoadOptions options) {
  auto decoder = std::shared_ptr<LoadedModel>(new LoadedModel);
  decoder->source_ = source_;
  decoder->tokenizer_ = tokenizer_;
  decoder->tokenizer_status_ = tokenizer_status_;
  decoder->devices_ = {std::move(device)};
  if (!options.decode_kv_type.empty()) options.kv_type = options.decode_kv_type;
  if (options.decode_kv_block_tokens != 0) options.kv_block_tokens = options.decode_kv_block_tokens;
  options.decode_device.clear();
  CONCORD_RETURN_IF_ERROR(decoder->BuildGraph(options));
  CONCORD_RETURN_IF_ERROR(decoder->Finish(options));
  absl::StrAppend(&info_.device, ", ", decoder->info_.device);
  info_.weight_bytes += decoder->info_.weight_bytes;
  decoder_ = std::move(decoder);
  return absl::OkStatus();
}

// Tokenizer and graph: what needs no device.
absl::Status LoadedModel::Build(const LoadOptions& options) {
  if (absl::StatusOr<std::unique_ptr<text::Tokenizer>> tokenizer = MakeTokenizer(*source_); tokenizer.ok()) {
    tokenizer_ = *std::move(tokenizer);
  } else if (absl::IsNotFound(tokenizer.status())) {
    tokenizer_status_ = tokenizer.status();  // tokens in, tokens out still works
  } else {
    return tokenizer.status();
  }
  return BuildGraph(options);
}

absl::Status LoadedModel::BuildGraph(const LoadOptions& options) {
  models::BuildOptions build = {.kv_packing = options.kv_type,
                                .block_tokens = options.kv_block_tokens > 0 ? options.kv_block_tokens : kBlockTokens};
  CONCORD_ASSIGN_OR_RETURN(build.context_tokens,
                           ContextFor(options.context_tokens, models::MaxContext(*source_).value_or(0)));
  CONCORD_ASSIGN_OR_RETURN(module_, models::BuildModule(*source_, build));
  info_.name = source_->name();
  info_.architecture = source_->architecture();
  info_.n_vocab = module_.n_vocab;
  info_.max_context_tokens = module_.max_context;
  info_.context_tokens = build.context_tokens;
  info_.kv_bytes_per_token = StateBytesPerToken(module_);
  return absl::OkStatus();
}

absl::Status LoadedModel::Place(const LoadOptions& options) {
  CONCORD_ASSIGN_OR_RETURN(std::vector<int32_t> wished, WishedDevices(module_, devices_, options));
  CONCORD_ASSIGN_OR_RETURN(PlacedModule placed, PlaceModule(module_, devices_, std::move(wished), options.compute));
  moved_ = std::move(placed.moved);
  for (const MovedOp& moved : moved_) Warn(*devices_[0], MovedSentence(moved));
  for (size_t p = 0; p < placed.parts.size(); ++p) {
    LoadedPart& part = *parts_.emplace_back(std::make_unique<LoadedPart>());
    part.device_index = static_cast<size_t>(placed.parts[p].device);
    part.device = devices_[part.device_index];
    part.module = std::move(placed.parts[p].module);
    part.moved = placed.part_moved[p];
  }
  return CompileParts(options.compute);
}

absl::Status LoadedModel::CompileParts(const std::string& compute) {
  for (const std::unique_ptr<LoadedPart>& part : parts_) {
    CONCORD_ASSIGN_OR_RETURN(CompiledModule compiled, CompileModule(&part->module, *part->device, compute));
    part->lowered.emplace(std::move(compiled.lowered));
    part->arithmetic = std::move(compiled.arithmetic);
    part->decoded = std::move(compiled.decoded);
    if (!part->decoded.empty()) Warn(*part->device, DecodedSentence(part->decoded, part->device->id()));
    part->program = std::move(compiled.program);
  }
  return absl::OkStatus();
}

absl::Status LoadedModel::LoadWeights(const LoadOptions& options) {
  std::vector<std::shared_ptr<Weights>> weights;
  for (const auto& device : devices_) weights.push_back(std::make_shared<Weights>(device));
  Progress done{"reading weights", 0, source_->total_bytes()};
  for (const std::unique_ptr<LoadedPart>& part : parts_) {
    part->weights = weights[part->device_index];
    CONCORD_RETURN_IF_ERROR(part->weights->Load(*source_, part->module, &done, ProgressOf(options)));
  }
  info_.device = absl::StrJoin(devices_, ", ", [](std::string* out, const auto& d) { absl::StrAppend(out, d->id()); });
  for (const auto& w : weights) info_.weight_bytes += w->mapped_bytes() + w->made_bytes();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int32_t>> LoadedModel::Tokenize(absl::string_view text, std::optional<bool> add_bos,
                                                           bool parse_special) const {
  if (tokenizer_ == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(tokenizer_status_.message(), "; give token ids instead of text"));
  }
  return tokenizer_->Encode(text, {.add_bos = add_bos, .parse_special = parse_special});
}

}  // namespace concord::exec

namespace concord {

absl::StatusOr<Model> Model::Load(const std::string& path, const LoadOptions& options) {
  try {
    auto impl = std::make_shared<Impl>();
    CONCORD_ASSIGN_OR_RETURN(impl->loaded, exec::LoadedModel::Load(path, options));
    return Model(std::move(impl));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path.empty() ? "the built-in demo model" : path, ": out of memory while loading"));
  }
}

const ModelInfo& Model::info() const { return impl_->loaded->info(); }

absl::StatusOr<std::vector<int32_t>> Model::Tokenize(absl::string_view text, std::optional<bool> add_bos,
                                                     bool parse_special) const {
  return impl_->loaded->Tokenize(text, add_bos, parse_special);
}

std::string Model::TokenText(int32_t id) const {
  const text::Tokenizer* tokenizer = impl_->loaded->tokenizer();
  return tokenizer == nullptr ? "" : std::string(tokenizer->Piece(id));
}

std::string Model::Detokenize(const std::vector<int32_t>& ids) const {
  const text::Tokenizer* tokenizer = impl_->loaded->tokenizer();
  return tokenizer == nullptr ? "" : tokenizer->Decode(ids);
}

const char* Version() { return CONCORD_VERSION; }

}  // namespace concord
