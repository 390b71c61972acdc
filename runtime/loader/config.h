#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/base/status.h"

namespace concord::loader {

// One setting in both dialects. Alternatives are separated by '|' and tried from the left:
//   {.gguf = "embedding_length", .hf = "hidden_size|n_embd"}
// gguf: the key without its architecture prefix ("embedding_length" finds "llama.embedding_length"), or a whole key
//   ("general.name"). hf: a path into config.json ("rope_scaling.factor"). Empty: that dialect has no such key.
struct Names {
  absl::string_view gguf;
  absl::string_view hf;
};

// The settings of a model: flat, typed key-values in the dialect of the file they came from.
//
// Absent and null are the same. A value of the wrong type is always an error (InvalidArgument naming key, type and
// value), never taken for absent. Reading is thread-safe.
//
// Hugging Face: where config.json nests the language model (`text_config`, `llm_config`), its values hide the top
// level, of which only tie_word_embeddings, token ids, dtype and quantization_config are then seen. `rope_theta`,
// `partial_rotary_factor` and `rope_scaling.X` are also found in `rope_parameters` (transformers 5), `rope_type` also
// as `type`, and `dtype` and `torch_dtype` stand for each other.
class Config {
 public:
  enum class Dialect { kGguf, kHuggingFace };

  // Anything else (objects aside, which become paths) is Opaque: present, printable, of no type that can be asked for.
  struct Opaque {
    std::string text;
  };
  using Value = std::variant<bool, int64_t, double, std::string, std::vector<bool>, std::vector<int64_t>,
                             std::vector<double>, std::vector<std::string>, Opaque>;

  // `prefix`: architecture for GGUF ("llama"), name of the nested object for Hugging Face ("text_config" or "").
  explicit Config(Dialect dialect = Dialect::kGguf, std::string prefix = "");

  Dialect dialect() const { return dialect_; }
  void Set(std::string key, Value value) { values_[std::move(key)] = std::move(value); }
  // Every key as it stands in the file, sorted; paths are joined with dots.
  const std::map<std::string, Value, std::less<>>& values() const { return values_; }

  // True when the setting, or for Hugging Face anything below that path ("rope_scaling"), is given and not null.
  bool Has(Names names) const;

  // The value, or nullopt when absent. Int also takes a float without fraction, Float also takes an int.
  absl::StatusOr<std::optional<int64_t>> Int(Names names) const;
  absl::StatusOr<std::optional<double>> Float(Names names) const;
  absl::StatusOr<std::optional<bool>> Bool(Names names) const;
  absl::StatusOr<std::optional<std::string>> String(Names names) const;
  // A scalar counts as an array of one (eos_token_id: 2 and eos_token_id: [2, 3] are both written).
  absl::StatusOr<std::optional<std::vector<int64_t>>> IntArray(Names names) const;
  absl::StatusOr<std::optional<std::vector<double>>> FloatArray(Names names) const;
  absl::StatusOr<std::optional<std::vector<bool>>> BoolArray(Names names) const;
  absl::StatusOr<std::optional<std::vector<std::string>>> StringArray(Names names) const;

  // As above; absence is an error that says which key was looked for.
  absl::StatusOr<int64_t> RequireInt(Names names) const;
  absl::StatusOr<double> RequireFloat(Names names) const;
  absl::StatusOr<std::string> RequireString(Names names) const;

  // As above; absence gives `otherwise`.
  absl::StatusOr<int64_t> IntOr(Names names, int64_t otherwise) const;
  absl::StatusOr<double> FloatOr(Names names, double otherwise) const;
  absl::StatusOr<bool> BoolOr(Names names, bool otherwise) const;
  absl::StatusOr<std::string> StringOr(Names names, absl::string_view otherwise) const;

  // A setting that is one number for all layers or a list with one number a layer (head counts, widths): always
  // `n_layers` numbers. A list may be longer (entries of prediction layers come last), not shorter.
  absl::StatusOr<std::vector<int64_t>> IntPerLayer(Names names, int64_t n_layers, int64_t otherwise) const;

  // How to name a setting in a message about it: the key of this dialect ("llama.block_count", "num_hidden_layers").
  std::string KeyName(Names names) const;

 private:
  struct Found {
    absl::string_view key;
    const Value* value = nullptr;
  };
  Found Lookup(Names names) const;
  Found LookupPath(absl::string_view path) const;
  template <typename T>
  absl::StatusOr<std::optional<T>> Get(Names names) const;

  Dialect dialect_;
  std::string prefix_;
  std::map<std::string, Value, std::less<>> values_;
};

// A value as one line of text; long arrays and strings are shortened.
std::string PrintValue(const Config::Value& value);

}  // namespace concord::loader
