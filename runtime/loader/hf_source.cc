#include "runtime/loader/hf_source.h"

#include <filesystem>
#include <map>
#include <set>
#include <system_error>

#include "absl/strings/match.h"
#include "runtime/base/mmap.h"
#include "runtime/loader/hf_config.h"
#include "runtime/loader/json.h"
#include "runtime/loader/printable.h"
#include "runtime/loader/safetensors.h"

namespace concord::loader {
namespace {

constexpr char kSingle[] = "model.safetensors";
constexpr char kIndex[] = "model.safetensors.index.json";

using nlohmann::json;
using Mapped = std::shared_ptr<const MappedFile>;

absl::Span<const std::byte> Bytes(const MappedFile& file) {
  return {file.data(), static_cast<size_t>(file.size_bytes())};
}

// Which file ends in one of `endings`, for advice; empty when none does.
std::string AnyFile(const std::string& folder, std::initializer_list<absl::string_view> endings) {
  std::error_code error;
  std::filesystem::directory_iterator it(folder, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    for (absl::string_view ending : endings) {
      if (absl::EndsWith(name, ending)) return name;
    }
  }
  return "";
}

// Which tensor is in which shard.
absl::StatusOr<std::map<std::string, std::set<std::string>>> ReadIndex(absl::string_view text,
                                                                       const std::string& what) {
  CONCORD_ASSIGN_OR_RETURN(const json index, ParseJson(text, what, {.max_depth = 16, .refuse_duplicates = true}));
  const auto bad = [&](const auto&... parts) { return absl::InvalidArgumentError(absl::StrCat(what, ": ", parts...)); };
  if (!index.is_object()) return bad("not a JSON object");
  const auto map = index.find("weight_map");
  if (map == index.end() || !map->is_object() || map->empty()) return bad("has no 'weight_map' of tensors to files");
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [tensor, file] : map->items()) {
    const std::string* name = file.get_ptr<const std::string*>();
    if (name == nullptr) return bad("the file of tensor '", Printable(tensor), "' is not a string");
    // The index is not trusted to point out of its folder.
    if (name->find_first_of(std::string("/\\\0", 3)) != std::string::npos || *name == ".." || *name == "." ||
        name->empty()) {
      return bad("the file of tensor '", Printable(tensor), "' is '", Printable(*name),
                 "'; want the plain name of a file in the same folder");
    }
    shards[*name].insert(tensor);
  }
  return shards;
}

class Folder {
 public:
  explicit Folder(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    parts_.path = std::move(path);
    parts_.format = Format::kHuggingFace;
  }

  absl::StatusOr<std::unique_ptr<ModelSource>> Open() {
    CONCORD_RETURN_IF_ERROR(ReadConfig());
    CONCORD_RETURN_IF_ERROR(ReadWeights());
    CONCORD_RETURN_IF_ERROR(ReadText());
    for (const auto& [key, value] : parts_.config.values()) {
      parts_.metadata.emplace_back(Printable(key), PrintValue(value));
    }
    const std::string path = parts_.path;
    absl::StatusOr<std::unique_ptr<ModelSource>> source = ModelSource::Create(std::move(parts_));
    return source.ok() ? std::move(source) : Annotate(source.status(), path);
  }

 private:
  std::string PathOf(absl::string_view file) const { return absl::StrCat(parts_.path, "/", file); }

  absl::StatusOr<Mapped> Map(absl::string_view file) {
    CONCORD_ASSIGN_OR_RETURN(Mapped mapped, MappedFile::Open(PathOf(file)));
    parts_.owners.push_back(mapped);
    return mapped;
  }

  // The text of a file of the folder; empty when there is none.
  absl::StatusOr<absl::string_view> OptionalText(absl::string_view file) {
    const absl::StatusOr<Mapped> mapped = Map(file);
    if (absl::IsNotFound(mapped.status())) return absl::string_view();
    if (!mapped.ok()) return mapped.status();
    CONCORD_RETURN_IF_ERROR(CheckNotPointerOrPickle(Bytes(**mapped), PathOf(file)));
    return (*mapped)->text();
  }

  absl::Status ReadConfig() {
    const absl::StatusOr<Mapped> mapped = Map("config.json");
    if (absl::IsNotFound(mapped.status())) {
      const std::string gguf = AnyFile(parts_.path, {".gguf"});
      return absl::NotFoundError(
          absl::StrCat("the folder '", parts_.path, "' has no config.json, so it is no Hugging Face model",
                       gguf.empty() ? "; want a folder with config.json and safetensors, or a GGUF file"
                                    : absl::StrCat("; it holds the GGUF file '", Printable(gguf), "': give that one")));
    }
    if (!mapped.ok()) return mapped.status();
    const std::string what = PathOf("config.json");
    CONCORD_RETURN_IF_ERROR(CheckNotPointerOrPickle(Bytes(**mapped), what));
    CONCORD_ASSIGN_OR_RETURN(parts_.config, ParseHfConfig((*mapped)->text(), what));
    CONCORD_ASSIGN_OR_RETURN(parts_.architecture, HfArchitecture(parts_.config, what));
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(parts_.path, error);
    parts_.name = error ? parts_.path : real.filename().string();
    CONCORD_ASSIGN_OR_RETURN(const absl::string_view generation, OptionalText("generation_config.json"));
    CONCORD_ASSIGN_OR_RETURN(parts_.generation,
                             ParseHfGeneration(generation, PathOf("generation_config.json"), parts_.config));
    return absl::OkStatus();
  }

  absl::Status ReadWeights() {
    const absl::StatusOr<Mapped> single = Map(kSingle);
    if (single.ok()) return AddShard(*single, nullptr);
    if (!absl::IsNotFound(single.status())) return single.status();
    CONCORD_ASSIGN_OR_RETURN(const absl::string_view index, OptionalText(kIndex));
    if (index.empty()) return NoWeights();
    CONCORD_ASSIGN_OR_RETURN(const auto shards, ReadIndex(index, PathOf(kIndex)));
    for (const auto& [file, tensors] : shards) {
      const absl::StatusOr<Mapped> mapped = Map(file);
      if (!mapped.ok()) return Annotate(mapped.status(), absl::StrCat("a shard that ", kIndex, " names is missing"));
      CONCORD_RETURN_IF_ERROR(AddShard(*mapped, &tensors));
    }
    return absl::OkStatus();
  }

  absl::Status NoWeights() const {
    const std::string pickle = AnyFile(parts_.path, {".bin", ".pt", ".pth", ".ckpt"});
    if (!pickle.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the folder '", parts_.path, "' holds its weights as a PyTorch pickle ('", Printable(pickle),
          "'), which can hold code and is therefore not read; take the safetensors or GGUF version of the model"));
    }
    return absl::NotFoundError(
        absl::StrCat("the folder '", parts_.path, "' has no weights: want ", kSingle, " or ", kIndex));
  }

  // `wanted`: the tensors that the index places in this shard; null when all are.
  absl::Status AddShard(const Mapped& mapped, const std::set<std::string>* wanted) {
    CONCORD_ASSIGN_OR_RETURN(std::vector<Tensor> tensors, ReadSafetensors(Bytes(*mapped), mapped->path()));
    std::set<std::string> missing = wanted == nullptr ? std::set<std::string>() : *wanted;
    for (Tensor& tensor : tensors) {
      if (wanted != nullptr && missing.erase(tensor.name) == 0) continue;
      tensor.file_index = static_cast<int32_t>(parts_.weight_files.size());
      parts_.tensors.push_back(std::move(tensor));
    }
    if (!missing.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(mapped->path(), ": ", missing.size(), " tensors are missing that ",
                                                     kIndex, " places here, the first is '",
                                                     Printable(*missing.begin()), "'"));
    }
    parts_.weight_files.push_back(mapped);
    return absl::OkStatus();
  }

  absl::Status ReadText() {
    TokenizerData& tokenizer = parts_.tokenizer;
    CONCORD_ASSIGN_OR_RETURN(tokenizer.tokenizer_json, OptionalText("tokenizer.json"));
    CONCORD_ASSIGN_OR_RETURN(tokenizer.tokenizer_config_json, OptionalText("tokenizer_config.json"));
    CONCORD_ASSIGN_OR_RETURN(tokenizer.special_tokens_map_json, OptionalText("special_tokens_map.json"));
    CONCORD_ASSIGN_OR_RETURN(tokenizer.tokenizer_model, OptionalText("tokenizer.model"));
    CONCORD_ASSIGN_OR_RETURN(tokenizer.vocab_json, OptionalText("vocab.json"));
    CONCORD_ASSIGN_OR_RETURN(tokenizer.merges_txt, OptionalText("merges.txt"));
    CONCORD_ASSIGN_OR_RETURN(const absl::string_view jinja, OptionalText("chat_template.jinja"));
    parts_.chat_template = std::string(jinja);
    if (!tokenizer.tokenizer_config_json.empty() && parts_.chat_template.empty()) {
      CONCORD_ASSIGN_OR_RETURN(parts_.chat_template,
                               ParseHfChatTemplate(tokenizer.tokenizer_config_json, PathOf("tokenizer_config.json")));
    }
    CONCORD_ASSIGN_OR_RETURN(const absl::string_view older, OptionalText("chat_template.json"));
    if (!older.empty() && parts_.chat_template.empty()) {
      CONCORD_ASSIGN_OR_RETURN(parts_.chat_template, ParseHfChatTemplate(older, PathOf("chat_template.json")));
    }
    return absl::OkStatus();
  }

  ModelSource::Parts parts_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ModelSource>> OpenHfFolder(const std::string& path, const OpenOptions&) {
  return Folder(path).Open();
}

}  // namespace concord::loader
