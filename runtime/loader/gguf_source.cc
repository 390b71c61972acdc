#include "runtime/loader/gguf_source.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "runtime/base/mmap.h"
#include "runtime/loader/gguf_metadata.h"
#include "runtime/loader/gguf_reader.h"
#include "runtime/loader/printable.h"

namespace concord::loader {
namespace {

std::string ReadableTypes() {
  int32_t count = 0;
  const packing::Packing* const* all = packing::All(&count);
  std::vector<absl::string_view> names;
  for (int32_t i = 0; i < count; ++i) names.push_back(all[i]->name);
  return absl::StrJoin(names, " ");
}

absl::Status AddTensors(const GgufFile& file, const std::byte* base, int32_t file_index, const OpenOptions& options,
                        std::vector<Tensor>* tensors) {
  for (const GgufTensorInfo& info : file.tensors) {
    Tensor tensor;
    tensor.name = std::string(info.name);
    tensor.type = packing::FindGguf(info.type->id);
    tensor.file_type = info.type->name;
    tensor.dims.assign(info.ne.rbegin(), info.ne.rend());
    tensor.data = base + info.offset;
    tensor.size_bytes = info.size_bytes;
    tensor.file_index = file_index;
    if (tensor.type == nullptr && !options.list_only) {
      return absl::UnimplementedError(
          absl::StrCat("tensor '", Printable(info.name), "' is of type ", info.type->name,
                       ", which Concord does not read; take the model in one of: ", ReadableTypes()));
    }
    tensors->push_back(std::move(tensor));
  }
  return absl::OkStatus();
}

// What the keys and the name say about a file that is a part of a split model.
struct SplitInfo {
  int64_t index = 0;  // from 0
  int64_t count = 1;
  std::optional<int64_t> total_tensors;
};

absl::StatusOr<SplitInfo> ReadSplit(const GgufFile& file) {
  const Config config = GgufConfig(file, "");
  SplitInfo split;
  CONCORD_ASSIGN_OR_RETURN(split.count, config.IntOr({.gguf = "split.count", .hf = ""}, 1));
  CONCORD_ASSIGN_OR_RETURN(split.index, config.IntOr({.gguf = "split.no", .hf = ""}, 0));
  CONCORD_ASSIGN_OR_RETURN(split.total_tensors, config.Int({.gguf = "split.tensors.count", .hf = ""}));
  if (split.count == 0) split.count = 1;  // written by tools that joined the parts again
  if (split.count < 0 || split.count > 99999 || split.index < 0 || split.index >= split.count) {
    return absl::InvalidArgumentError(absl::StrCat("says it is part ", split.index, " (from 0) of ", split.count));
  }
  return split;
}

// "dir/name-00001-of-00003.gguf" → "dir/name"; empty when the path is not of that form for this part.
std::string SplitStem(const std::string& path, const SplitInfo& split) {
  const std::string tail = absl::StrFormat("-%05d-of-%05d.gguf", split.index + 1, split.count);
  return absl::EndsWith(path, tail) ? path.substr(0, path.size() - tail.size()) : "";
}

// The reading of one model: the first part, then the others.
class GgufModel {
 public:
  GgufModel(std::string path, const OpenOptions& options) : options_(options) { parts_.path = std::move(path); }

  absl::Status AddFirst(absl::Span<const std::byte> bytes) {
    CONCORD_ASSIGN_OR_RETURN(GgufFile file, ReadGguf(bytes, parts_.path));
    const absl::Status status = Interpret(file, bytes.data());
    return Annotate(status, parts_.path);
  }

  absl::Status AddOthers() {
    for (int64_t i = 1; i < split_.count; ++i) {
      const std::string path = absl::StrFormat("%s-%05d-of-%05d.gguf", stem_, i + 1, split_.count);
      CONCORD_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> mapped, MappedFile::Open(path));
      const absl::Status status = AddPart(*mapped, i);
      if (!status.ok()) return status;
      Own(std::move(mapped));
    }
    const int64_t found = static_cast<int64_t>(parts_.tensors.size());
    if (split_.count > 1 && split_.total_tensors && *split_.total_tensors != found) {
      return absl::InvalidArgumentError(absl::StrCat(parts_.path, ": the ", split_.count, " parts hold ", found,
                                                     " tensors; want ", *split_.total_tensors));
    }
    return absl::OkStatus();
  }

  void Own(std::shared_ptr<const MappedFile> mapped) {
    parts_.owners.push_back(mapped);
    parts_.weight_files.push_back(std::move(mapped));
  }

  int64_t split_count() const { return split_.count; }
  ModelSource::Parts& parts() { return parts_; }

 private:
  absl::Status Interpret(const GgufFile& file, const std::byte* base) {
    CONCORD_RETURN_IF_ERROR(CheckFirst(file));
    Config bare = GgufConfig(file, "");
    CONCORD_ASSIGN_OR_RETURN(const std::optional<std::string> architecture,
                             bare.String({.gguf = "general.architecture", .hf = ""}));
    if (!architecture || architecture->empty()) {
      return absl::InvalidArgumentError("the file does not say 'general.architecture', which every model must");
    }
    parts_.architecture = *architecture;
    parts_.config = GgufConfig(file, parts_.architecture);
    CONCORD_RETURN_IF_ERROR(CheckIsModel());
    CONCORD_RETURN_IF_ERROR(AddTensors(file, base, 0, options_, &parts_.tensors));
    for (const GgufKeyValue& kv : file.metadata) {
      parts_.metadata.emplace_back(Printable(kv.key), PrintGgufValue(kv));
      parts_.gguf_entries.push_back({std::string(kv.key), kv.type, kv.raw});
    }
    return ReadText(file);
  }

  absl::Status ReadText(const GgufFile& file) {
    absl::StatusOr<std::shared_ptr<const Vocab>> vocab = GgufVocab(file, parts_.config);
    if (vocab.ok()) {
      parts_.tokenizer.vocab = *std::move(vocab);
    } else if (vocab.status().code() == absl::StatusCode::kUnimplemented) {
      parts_.tokenizer.vocab_status = vocab.status();
    } else {
      return vocab.status();
    }
    CONCORD_ASSIGN_OR_RETURN(parts_.chat_template,
                             parts_.config.StringOr({.gguf = "tokenizer.chat_template", .hf = ""}, ""));
    CONCORD_ASSIGN_OR_RETURN(parts_.generation, GgufGeneration(parts_.config, parts_.tokenizer.vocab.get()));
    CONCORD_ASSIGN_OR_RETURN(parts_.name, parts_.config.StringOr({.gguf = "general.name", .hf = ""}, ""));
    if (parts_.name.empty()) parts_.name = parts_.path.substr(parts_.path.find_last_of('/') + 1);
    return absl::OkStatus();
  }

  absl::Status CheckFirst(const GgufFile& file) {
    CONCORD_ASSIGN_OR_RETURN(split_, ReadSplit(file));
    if (split_.count == 1) return absl::OkStatus();
    stem_ = SplitStem(parts_.path, split_);
    const std::string first = absl::StrFormat("%s-%05d-of-%05d.gguf", stem_.empty() ? "NAME" : stem_, 1, split_.count);
    if (split_.index != 0) {
      return absl::InvalidArgumentError(absl::StrCat("this is part ", split_.index + 1, " of ", split_.count,
                                                     " of a split model; open the first part, '", first, "'"));
    }
    if (stem_.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("this is the first of ", split_.count, " parts of a split model; ",
                                                     "the others are found only if it is named '", first, "'"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckIsModel() const {
    if (options_.list_only) return absl::OkStatus();
    CONCORD_ASSIGN_OR_RETURN(const std::string type,
                             parts_.config.StringOr({.gguf = "general.type", .hf = ""}, "model"));
    if (type == "model") return absl::OkStatus();
    const char* hint = type == "mmproj" ? " (the image part of a multimodal model)" : "";
    return absl::InvalidArgumentError(absl::StrCat("the file holds no language model but, says 'general.type', '",
                                                   Printable(type), "'", hint, "; give the model itself"));
  }

  absl::Status AddPart(const MappedFile& mapped, int64_t index) {
    CONCORD_ASSIGN_OR_RETURN(const GgufFile file,
                             ReadGguf({mapped.data(), static_cast<size_t>(mapped.size_bytes())}, mapped.path()));
    const absl::StatusOr<SplitInfo> split = ReadSplit(file);
    if (!split.ok()) return Annotate(split.status(), mapped.path());
    if (split->index != index || split->count != split_.count) {
      return absl::InvalidArgumentError(absl::StrCat(mapped.path(), ": says it is part ", split->index + 1, " of ",
                                                     split->count, "; want part ", index + 1, " of ", split_.count));
    }
    return Annotate(AddTensors(file, mapped.data(), static_cast<int32_t>(index), options_, &parts_.tensors),
                    mapped.path());
  }

  const OpenOptions& options_;
  ModelSource::Parts parts_;
  SplitInfo split_;
  std::string stem_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ModelSource>> OpenGgufFile(const std::string& path, const OpenOptions& options) {
  CONCORD_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> mapped, MappedFile::Open(path));
  GgufModel model(path, options);
  CONCORD_RETURN_IF_ERROR(model.AddFirst({mapped->data(), static_cast<size_t>(mapped->size_bytes())}));
  model.Own(std::move(mapped));
  CONCORD_RETURN_IF_ERROR(model.AddOthers());
  absl::StatusOr<std::unique_ptr<ModelSource>> source = ModelSource::Create(std::move(model.parts()));
  return source.ok() ? std::move(source) : Annotate(source.status(), path);
}

absl::StatusOr<std::unique_ptr<ModelSource>> OpenGgufBytes(absl::Span<const std::byte> bytes, const std::string& name,
                                                           const OpenOptions& options, Format format,
                                                           std::shared_ptr<const void> owner) {
  GgufModel model(name, options);
  CONCORD_RETURN_IF_ERROR(model.AddFirst(bytes));
  if (model.split_count() > 1) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": one part of a split model cannot be opened from memory"));
  }
  model.parts().format = format;
  if (owner != nullptr) model.parts().owners.push_back(std::move(owner));
  absl::StatusOr<std::unique_ptr<ModelSource>> source = ModelSource::Create(std::move(model.parts()));
  return source.ok() ? std::move(source) : Annotate(source.status(), name);
}

}  // namespace concord::loader
