#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/packing/packing.h"
#include "runtime/base/progress.h"
#include "runtime/base/status.h"
#include "runtime/loader/config.h"

namespace concord {
struct Vocab;      // runtime/base/vocab.h
class MappedFile;  // runtime/base/mmap.h
}  // namespace concord

namespace concord::loader {

// A weight where it lies in the file. `dims` are row-major, outermost first (PyTorch's order; GGUF's ne reversed):
// a linear layer's weight is [out, in]. Rows are contiguous and made of whole blocks of `type`.
// An empty `dims` is a scalar (safetensors only).
struct Tensor {
  std::string name;
  const packing::Packing* type = nullptr;  // null: Concord does not read `file_type`; Require and Optional then fail
  std::string file_type;                   // as the file names it: "Q4_K", "BF16", "F8_E4M3"
  std::vector<int64_t> dims;
  const std::byte* data = nullptr;  // GGUF: as aligned as general.alignment says; safetensors: no alignment at all
  int64_t size_bytes = 0;
  int32_t file_index = 0;  // which part or shard it came from
};

// The tokenizer as the file holds it. GGUF and synthetic models give `vocab`; Hugging Face folders give the raw bytes
// of the files they have (empty where absent), for the text room to parse. Views live as long as the source.
struct TokenizerData {
  std::shared_ptr<const Vocab> vocab;
  absl::Status vocab_status;  // why a GGUF file's tokenizer is not in `vocab`: of a kind that Concord does not read
  absl::string_view tokenizer_json;
  absl::string_view tokenizer_config_json;
  absl::string_view special_tokens_map_json;
  absl::string_view tokenizer_model;  // SentencePiece protobuf
  absl::string_view vocab_json;       // with merges_txt: the pair that GPT-2 folders hold
  absl::string_view merges_txt;

  bool empty() const {
    return vocab == nullptr && tokenizer_json.empty() && tokenizer_model.empty() && vocab_json.empty();
  }
};

// What the model's maker recommends; nullopt where nothing is said.
struct GenerationDefaults {
  std::vector<int64_t> eos_ids;  // stop tokens by id; the text room adds those known by their text (GGUF)
  std::optional<int64_t> bos_id;
  std::optional<int64_t> pad_id;
  std::optional<bool> do_sample;  // false: greedy is meant, whatever the numbers below say
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<int64_t> top_k;
  std::optional<double> repetition_penalty;
  std::optional<int64_t> max_new_tokens;
};

// A metadata entry of a GGUF file as it lies there, for tools that copy it into another file.
struct GgufEntry {
  std::string key;
  uint32_t value_type = 0;  // GGUF value type: 4 u32, 8 string, 9 array, ...
  absl::string_view value;  // its bytes after the type word; lives as long as the source
};

enum class Format { kGguf, kHuggingFace, kSynthetic };

// A model at rest: settings, named tensors, tokenizer, as found in a GGUF file, a Hugging Face folder or made up.
// Tensor and setting names are those of the format: synthetic models speak GGUF.
//
// Immutable and thread-safe once made. Owns the mappings: every pointer and view it hands out lives as long as it
// does. Tensor data is paged in when touched; a file that someone shortens meanwhile makes such a touch fatal
// (SIGBUS), which no reader of a mapping can prevent.
class ModelSource {
 public:
  // What a reader of one format fills in.
  struct Parts {
    Format format = Format::kGguf;
    std::string name;
    std::string path;
    std::string architecture;
    Config config;
    std::vector<Tensor> tensors;
    TokenizerData tokenizer;
    std::string chat_template;
    GenerationDefaults generation;
    std::vector<std::pair<std::string, std::string>> metadata;
    std::vector<GgufEntry> gguf_entries;
    std::vector<std::shared_ptr<const void>> owners;              // whatever memory the views above point into
    std::vector<std::shared_ptr<const MappedFile>> weight_files;  // what Prefetch reads
  };
  // InvalidArgument when two tensors share a name.
  static absl::StatusOr<std::unique_ptr<ModelSource>> Create(Parts parts);

  Format format() const { return parts_.format; }
  const std::string& name() const { return parts_.name; }  // for people: general.name, or the file's or folder's name
  const std::string& path() const { return parts_.path; }
  // GGUF: general.architecture ("llama"). Hugging Face: architectures[0] ("LlamaForCausalLM"), else model_type.
  const std::string& architecture() const { return parts_.architecture; }
  const Config& config() const { return parts_.config; }

  absl::Span<const Tensor> tensors() const { return parts_.tensors; }  // in file order
  const Tensor* Find(absl::string_view name) const;                    // null when absent; its type may be null
  // The tensor; NotFound when absent (naming alikes), Unimplemented when Concord does not read its type.
  absl::StatusOr<const Tensor*> Require(absl::string_view name) const;
  // The same with null for absent.
  absl::StatusOr<const Tensor*> Optional(absl::string_view name) const;

  const TokenizerData& tokenizer() const { return parts_.tokenizer; }
  const std::string& chat_template() const { return parts_.chat_template; }  // Jinja; empty when there is none
  const GenerationDefaults& generation() const { return parts_.generation; }

  int64_t total_bytes() const { return total_bytes_; }  // of all tensors
  // Every metadata entry in file order, printable on a line each; long values are shortened.
  absl::Span<const std::pair<std::string, std::string>> metadata() const { return parts_.metadata; }
  absl::Span<const GgufEntry> gguf_entries() const { return parts_.gguf_entries; }  // empty for other formats

  // Reads all weights into the page cache, reporting as they come. Worth it before the first token from a cold disk;
  // returns at once where nothing is mapped from a file.
  void Prefetch(const ProgressFn& progress) const;

 private:
  explicit ModelSource(Parts parts) : parts_(std::move(parts)) {}

  Parts parts_;
  std::vector<uint32_t> by_name_;  // indices into parts_.tensors, sorted by name
  int64_t total_bytes_ = 0;
};

struct OpenOptions {
  ProgressFn progress;      // called while a synthetic model is made; files are only mapped: see Prefetch. May be empty
  bool no_weights = false;  // nobody will read weights: those of a synthetic model are left zero, and take no memory
  bool list_only = false;   // for `inspect`: tensors of types that Concord does not read are listed, not refused
};

// Opens `path`: a GGUF file (its first part, when split), a Hugging Face folder, or "synthetic:<shape>[:<type>]".
// Everything in it is checked before it is used; any fault is InvalidArgument (not a model, or a damaged one),
// NotFound, PermissionDenied, Unimplemented (a version or type that Concord does not read) or ResourceExhausted.
absl::StatusOr<std::unique_ptr<ModelSource>> Open(const std::string& path, const OpenOptions& options = {});

// The same for a GGUF file in memory, which must stay there unchanged as long as the source (or `owner` must see to
// that). `name` stands for the path in messages.
absl::StatusOr<std::unique_ptr<ModelSource>> OpenMemory(absl::Span<const std::byte> bytes, const std::string& name,
                                                        const OpenOptions& options = {},
                                                        std::shared_ptr<const void> owner = nullptr);

}  // namespace concord::loader
