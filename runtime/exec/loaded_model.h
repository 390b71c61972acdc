#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "concord/concord.h"
#include "runtime/exec/loaded_part.h"
#include "runtime/exec/model_memory.h"
#include "runtime/exec/placed_module.h"
#include "runtime/graph/module.h"
#include "runtime/hal/device.h"
#include "runtime/loader/model_source.h"
#include "runtime/text/tokenizer.h"

namespace concord::exec {

// Everything about a model that engines share: file, tokenizer, graph as the device runs it, weights, program.
// Immutable once loaded.
class LoadedModel {
 public:
  static absl::StatusOr<std::shared_ptr<const LoadedModel>> Load(const std::string& path, const LoadOptions& options);
  // A source that is open already, on devices that are open already: of `options`, what names devices is only read as
  // far as that with `decode_device` the last of them answers and the others compute prompts.
  static absl::StatusOr<std::shared_ptr<const LoadedModel>> Load(std::unique_ptr<loader::ModelSource> source,
                                                                 std::vector<std::shared_ptr<hal::Device>> devices,
                                                                 const LoadOptions& options);

  const ModelInfo& info() const { return info_; }
  int64_t n_vocab() const { return info_.n_vocab; }
  int64_t context_tokens() const { return info_.context_tokens; }
  int64_t block_tokens() const { return module_.state_groups[0].block_tokens; }
  const text::Tokenizer* tokenizer() const { return tokenizer_.get(); }  // null: the file has none
  absl::StatusOr<std::vector<int32_t>> Tokenize(absl::string_view text, std::optional<bool> add_bos,
                                                bool parse_special) const;

  const graph::Module& module() const { return module_; }  // as the model was built, before any device was asked
  const std::vector<std::shared_ptr<hal::Device>>& devices() const { return devices_; }
  const hal::Device& device() const { return *devices_[0]; }
  const Parts& parts() const { return parts_; }
  const std::vector<MovedOp>& moved() const { return moved_; }
  const loader::ModelSource& source() const { return *source_; }
  Tracer* tracer() const { return tracer_.get(); }  // null: tracing is off
  // The same model on the devices that answer, where this one only computes prompts; null: this one does both.
  const std::shared_ptr<const LoadedModel>& decoder() const { return decoder_; }

 private:
  absl::Status Finish(const LoadOptions& options, std::chrono::steady_clock::time_point begin);
  absl::Status Prove(const LoadOptions& options, std::chrono::steady_clock::time_point begin);
  absl::StatusOr<std::shared_ptr<LoadedModel>> MakeDecoder(std::shared_ptr<hal::Device> device,
                                                           const LoadOptions& options) const;
  absl::Status LoadDecoder(std::shared_ptr<LoadedModel> decoder, const LoadOptions& options);
  absl::Status Build(const LoadOptions& options);
  absl::Status ReadTokenizer();
  absl::StatusOr<MemoryNeeds> Place(const LoadOptions& options);
  absl::Status LoadWeights(const LoadOptions& options);

  // Destroyed from the bottom up: programs and constants before the devices, all before the file.
  std::shared_ptr<const loader::ModelSource> source_;
  std::shared_ptr<const text::Tokenizer> tokenizer_;
  absl::Status tokenizer_status_;
  std::shared_ptr<Tracer> tracer_;
  ModelInfo info_;
  graph::Module module_;
  std::vector<std::shared_ptr<hal::Device>> devices_;
  Parts parts_;
  std::vector<MovedOp> moved_;
  std::shared_ptr<const LoadedModel> decoder_;
};

}  // namespace concord::exec

namespace concord {

struct Model::Impl {
  std::shared_ptr<const exec::LoadedModel> loaded;
};

}  // namespace concord
