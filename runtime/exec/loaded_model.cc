#include "runtime/exec/loaded_model.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "runtime/exec/canary.h"
#include "runtime/exec/device_models.h"
#include "runtime/exec/devices.h"
#include "runtime/exec/kv_windows.h"
#include "runtime/exec/model_graph.h"
#include "runtime/exec/tokenizer_source.h"

namespace concord::exec {
namespace {

// The smallest engine that there could be: what does not even fit this is refused before weights are read.
constexpr EngineOptions kLeast = {.max_tokens_in_flight = 1, .max_sequences = 1};

ProgressFn ProgressOf(const LoadOptions& options) {
  if (!options.on_progress) return {};
  return [report = options.on_progress](const Progress& p) { report({p.stage, p.done_bytes, p.total_bytes}); };
}

}  // namespace

absl::StatusOr<std::shared_ptr<const LoadedModel>> LoadedModel::Load(const std::string& path,
                                                                     const LoadOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  Tracer* const tracer = options.trace.impl().get();
  if (tracer != nullptr) tracer->NameThread("loading");
  const TraceScope scope(tracer, "load");
  auto model = std::shared_ptr<LoadedModel>(new LoadedModel);
  loader::OpenOptions open;
  open.progress = ProgressOf(options);
  CONCORD_ASSIGN_OR_RETURN(model->source_, Traced(tracer, "open file", [&] { return OpenSource(path, open); }));
  model->info_.path = path;
  CONCORD_RETURN_IF_ERROR(model->Build(options));
  CONCORD_ASSIGN_OR_RETURN(model->devices_, Traced(tracer, "open devices", [&] { return OpenDevices(options); }));
  CONCORD_RETURN_IF_ERROR(model->Finish(options, begin));
  return model;
}

absl::StatusOr<std::shared_ptr<const LoadedModel>> LoadedModel::Load(std::unique_ptr<loader::ModelSource> source,
                                                                     std::vector<std::shared_ptr<hal::Device>> devices,
                                                                     const LoadOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  auto model = std::shared_ptr<LoadedModel>(new LoadedModel);
  model->source_ = std::move(source);
  model->devices_ = std::move(devices);
  CONCORD_RETURN_IF_ERROR(model->Build(options));
  CONCORD_RETURN_IF_ERROR(model->Finish(options, begin));
  return model;
}

// What needs devices. `begin`: of the whole loading.
absl::Status LoadedModel::Finish(const LoadOptions& options, std::chrono::steady_clock::time_point begin) {
  std::shared_ptr<hal::Device> decode_device;
  if (!options.decode_device.empty()) {
    if (devices_.size() < 2) {
      return absl::InvalidArgumentError(absl::StrCat("prefill_device and decode_device are both ", devices_[0]->id(),
                                                     ": there is nothing to hand over; give it as the device"));
    }
    decode_device = std::move(devices_.back());
    devices_.pop_back();
  }
  CONCORD_ASSIGN_OR_RETURN(MemoryNeeds needs, Place(options));
  std::shared_ptr<LoadedModel> decoder;
  if (decode_device != nullptr) {
    CONCORD_ASSIGN_OR_RETURN(decoder, MakeDecoder(std::move(decode_device), options));
    CONCORD_ASSIGN_OR_RETURN(MemoryNeeds more, decoder->Place(DecodeOptions(options)));
    CONCORD_RETURN_IF_ERROR(AddWindows({&module_, &devices_}, {&decoder->module_, &decoder->devices_},
                                       decoder->context_tokens(), &needs.needed, &more.needed));
    needs.Add(std::move(more));
  }
  CONCORD_RETURN_IF_ERROR(needs.Check());  // of both sides, before a weight of either is read
  CONCORD_RETURN_IF_ERROR(LoadWeights(options));
  CONCORD_RETURN_IF_ERROR(Prove(options, begin));
  return decoder == nullptr ? absl::OkStatus() : LoadDecoder(std::move(decoder), DecodeOptions(options));
}

absl::Status LoadedModel::Prove(const LoadOptions& options, std::chrono::steady_clock::time_point begin) {
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  const TraceScope scope(tracer_, "canary");
  CONCORD_ASSIGN_OR_RETURN(info_.warnings, RunCanary(*this, options.canary, taken.count()));
  // Steps have staging memory of their own, which the plan counts.
  for (const std::shared_ptr<hal::Device>& device : devices_) device->ReleaseStaging();
  return absl::OkStatus();
}

// Of the same file and with the same tokenizer, but a graph and weights of its own: it may be cut, fused and decoded
// otherwise.
absl::StatusOr<std::shared_ptr<LoadedModel>> LoadedModel::MakeDecoder(std::shared_ptr<hal::Device> device,
                                                                      const LoadOptions& options) const {
  auto decoder = std::shared_ptr<LoadedModel>(new LoadedModel);
  decoder->source_ = source_;
  decoder->tokenizer_ = tokenizer_;
  decoder->tokenizer_status_ = tokenizer_status_;
  decoder->devices_ = {std::move(device)};
  CONCORD_RETURN_IF_ERROR(decoder->Build(DecodeOptions(options)));
  return decoder;
}

absl::Status LoadedModel::LoadDecoder(std::shared_ptr<LoadedModel> decoder, const LoadOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  CONCORD_RETURN_IF_ERROR(decoder->LoadWeights(options));
  CONCORD_RETURN_IF_ERROR(decoder->Prove(options, begin));
  info_.warnings.insert(info_.warnings.end(), decoder->info_.warnings.begin(), decoder->info_.warnings.end());
  absl::StrAppend(&info_.device, ", ", decoder->info_.device);
  info_.weight_bytes += decoder->info_.weight_bytes;
  decoder_ = std::move(decoder);
  return absl::OkStatus();
}

// Tokenizer and graph: what needs no device.
absl::Status LoadedModel::Build(const LoadOptions& options) {
  tracer_ = options.trace.impl();
  const TraceScope scope(tracer_, "build graph and tokenizer");
  if (tokenizer_ == nullptr && tokenizer_status_.ok()) CONCORD_RETURN_IF_ERROR(ReadTokenizer());
  CONCORD_ASSIGN_OR_RETURN(ModelGraph built, BuildGraph(*source_, options));
  module_ = std::move(built.module);
  info_.name = source_->name();
  info_.architecture = source_->architecture();
  info_.n_vocab = module_.n_vocab;
  info_.max_context_tokens = module_.max_context;
  info_.context_tokens = built.context;
  info_.kv_bytes_per_token = StateBytesPerToken(module_);
  return absl::OkStatus();
}

absl::Status LoadedModel::ReadTokenizer() {
  if (absl::StatusOr<std::unique_ptr<text::Tokenizer>> tokenizer = MakeTokenizer(*source_); tokenizer.ok()) {
    tokenizer_ = *std::move(tokenizer);
  } else if (absl::IsNotFound(tokenizer.status())) {
    tokenizer_status_ = tokenizer.status();  // tokens in, tokens out still works
  } else {
    return tokenizer.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<MemoryNeeds> LoadedModel::Place(const LoadOptions& options) {
  const TraceScope scope(tracer_, "place, fuse and compile");
  std::vector<graph::DeviceModel> models;
  if (HasChoice(devices_, options)) {
    CONCORD_ASSIGN_OR_RETURN(models, MeasuredModels(devices_));
  } else {
    models = DescribedModels(devices_);
  }
  CONCORD_ASSIGN_OR_RETURN(const PlacementCase wanted,
                           CaseOf(options, options.engine.value_or(kLeast), context_tokens()));
  CONCORD_ASSIGN_OR_RETURN(Placed placed, PlaceOnDevices(*source_, module_, devices_, models, options, wanted));
  parts_ = std::move(placed.compiled.parts);
  moved_ = std::move(placed.compiled.moved);
  const auto log = [&](LogLevel level, absl::string_view text) { devices_[0]->instance().host().Log(level, text); };
  if (!placed.remark.empty()) log(LogLevel::kInfo, placed.remark);
  for (const MovedOp& moved : moved_) log(LogLevel::kWarning, MovedSentence(moved));
  for (const auto& part : parts_) {
    if (!part->decoded.empty()) log(LogLevel::kWarning, DecodedSentence(part->decoded, part->device->id()));
  }
  return MemoryNeeds::Of(*source_, parts_, devices_, std::move(models), wanted.capacities);
}

absl::Status LoadedModel::LoadWeights(const LoadOptions& options) {
  const TraceScope scope(tracer_, "read weights");
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
