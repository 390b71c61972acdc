#include "runtime/loader/gguf_metadata.h"

#include <cstring>
#include <limits>

#include "absl/strings/match.h"
#include "runtime/loader/printable.h"

namespace concord::loader {
namespace {

template <typename T>
T Load(absl::string_view bytes, uint64_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

// Element `index` of the numbers in `bytes`. A u64 beyond int64 becomes a double, which no integer setting accepts.
Config::Value Number(GgufValue type, absl::string_view bytes, uint64_t index) {
  switch (type) {
    case GgufValue::kU8:
      return int64_t{Load<uint8_t>(bytes, index)};
    case GgufValue::kI8:
      return int64_t{Load<int8_t>(bytes, index)};
    case GgufValue::kU16:
      return int64_t{Load<uint16_t>(bytes, index)};
    case GgufValue::kI16:
      return int64_t{Load<int16_t>(bytes, index)};
    case GgufValue::kU32:
      return int64_t{Load<uint32_t>(bytes, index)};
    case GgufValue::kI32:
      return int64_t{Load<int32_t>(bytes, index)};
    case GgufValue::kI64:
      return Load<int64_t>(bytes, index);
    case GgufValue::kF32:
      return double{Load<float>(bytes, index)};
    case GgufValue::kF64:
      return Load<double>(bytes, index);
    case GgufValue::kBool:
      return Load<uint8_t>(bytes, index) != 0;
    case GgufValue::kU64: {
      const uint64_t value = Load<uint64_t>(bytes, index);
      if (value > uint64_t{std::numeric_limits<int64_t>::max()}) return static_cast<double>(value);
      return static_cast<int64_t>(value);
    }
    default:
      return Config::Opaque{"?"};
  }
}

template <typename T>
std::vector<T> Numbers(const GgufKeyValue& kv, uint64_t count) {
  std::vector<T> values;
  values.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const Config::Value value = Number(static_cast<GgufValue>(kv.element_type), kv.bytes, i);
    if (const auto* same = std::get_if<T>(&value))
      values.push_back(*same);
    else if (const auto* large = std::get_if<double>(&value))
      values.push_back(static_cast<T>(*large > 0 ? INT64_MAX : 0));
  }
  return values;
}

// The first `limit` elements of an array, or the scalar.
Config::Value ValueOf(const GgufKeyValue& kv, uint64_t limit) {
  if (kv.type == static_cast<uint32_t>(GgufValue::kString)) return std::string(kv.bytes.substr(sizeof(uint64_t)));
  if (kv.type != static_cast<uint32_t>(GgufValue::kArray)) return Number(static_cast<GgufValue>(kv.type), kv.bytes, 0);
  const uint64_t count = std::min(limit, kv.count);
  switch (static_cast<GgufValue>(kv.element_type)) {
    case GgufValue::kString: {
      GgufKeyValue head = kv;
      head.count = count;
      std::vector<std::string> strings;
      ForEachGgufString(head, [&](absl::string_view text) { strings.emplace_back(text); });
      return strings;
    }
    case GgufValue::kF32:
    case GgufValue::kF64:
      return Numbers<double>(kv, count);
    case GgufValue::kBool:
      return Numbers<bool>(kv, count);
    default:
      return Numbers<int64_t>(kv, count);
  }
}

bool IsArrayOf(const GgufKeyValue& kv, std::initializer_list<GgufValue> elements) {
  if (kv.type != static_cast<uint32_t>(GgufValue::kArray)) return false;
  for (GgufValue element : elements) {
    if (kv.element_type == static_cast<uint32_t>(element)) return true;
  }
  return false;
}

absl::Status WrongType(const GgufKeyValue& kv, absl::string_view want) {
  const bool array = kv.type == static_cast<uint32_t>(GgufValue::kArray);
  return absl::InvalidArgumentError(absl::StrCat("'", kv.key, "' is ", array ? "an array of " : "of type ",
                                                 GgufValueName(array ? kv.element_type : kv.type), "; want ", want));
}

absl::Status ReadStrings(const GgufFile& file, absl::string_view key, std::vector<std::string>* out) {
  const GgufKeyValue* kv = file.Find(key);
  if (kv == nullptr) return absl::OkStatus();
  if (!IsArrayOf(*kv, {GgufValue::kString})) return WrongType(*kv, "an array of strings");
  out->reserve(kv->count);
  ForEachGgufString(*kv, [out](absl::string_view text) { out->emplace_back(text.data(), text.size()); });
  return absl::OkStatus();
}

absl::Status ReadScores(const GgufFile& file, Vocab* vocab) {
  const GgufKeyValue* kv = file.Find("tokenizer.ggml.scores");
  if (kv == nullptr) return absl::OkStatus();
  if (!IsArrayOf(*kv, {GgufValue::kF32})) return WrongType(*kv, "an array of f32");
  vocab->scores.resize(kv->count);
  if (kv->count > 0) std::memcpy(vocab->scores.data(), kv->bytes.data(), kv->bytes.size());
  return absl::OkStatus();
}

absl::Status ReadTypes(const GgufFile& file, Vocab* vocab) {
  const GgufKeyValue* kv = file.Find("tokenizer.ggml.token_type");
  if (kv == nullptr) return absl::OkStatus();
  if (!IsArrayOf(*kv, {GgufValue::kI32, GgufValue::kU32})) return WrongType(*kv, "an array of i32");
  vocab->types.resize(kv->count);
  for (uint64_t i = 0; i < kv->count; ++i) {
    const int32_t type = Load<int32_t>(kv->bytes, i);
    if (type < 1 || type > 6) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", kv->key, "' says that token ", i, " is of type ", type, "; types are 1 to 6"));
    }
    vocab->types[i] = static_cast<TokenType>(type);
  }
  return absl::OkStatus();
}

struct IdKey {
  const char* key;
  int32_t Vocab::*id;
};
constexpr IdKey kIdKeys[] = {{"bos_token_id", &Vocab::bos},     {"eos_token_id", &Vocab::eos},
                             {"eot_token_id", &Vocab::eot},     {"eom_token_id", &Vocab::eom},
                             {"unknown_token_id", &Vocab::unk}, {"padding_token_id", &Vocab::pad}};

struct FlagKey {
  const char* key;
  std::optional<bool> Vocab::*flag;
};
constexpr FlagKey kFlagKeys[] = {{"add_bos_token", &Vocab::add_bos},
                                 {"add_eos_token", &Vocab::add_eos},
                                 {"add_space_prefix", &Vocab::add_space_prefix}};

absl::Status ReadIdsAndFlags(const Config& config, Vocab* vocab) {
  if (vocab->kind == VocabKind::kSpm) {  // what files that predate these keys mean
    vocab->unk = 0;
    vocab->bos = 1;
    vocab->eos = 2;
  }
  for (const auto& [key, id] : kIdKeys) {
    const std::string name = absl::StrCat("tokenizer.ggml.", key);
    CONCORD_ASSIGN_OR_RETURN(const std::optional<int64_t> value, config.Int({.gguf = name, .hf = ""}));
    // Writers say "none" as 2^32 - 1.
    if (value) vocab->*id = *value < 0 || *value > INT32_MAX ? -1 : static_cast<int32_t>(*value);
  }
  for (const auto& [key, flag] : kFlagKeys) {
    const std::string name = absl::StrCat("tokenizer.ggml.", key);
    CONCORD_ASSIGN_OR_RETURN(vocab->*flag, config.Bool({.gguf = name, .hf = ""}));
  }
  CONCORD_ASSIGN_OR_RETURN(vocab->remove_extra_whitespaces,
                           config.BoolOr({.gguf = "tokenizer.ggml.remove_extra_whitespaces", .hf = ""}, false));
  return absl::OkStatus();
}

}  // namespace

Config GgufConfig(const GgufFile& file, const std::string& architecture) {
  Config config(Config::Dialect::kGguf, architecture);
  for (const GgufKeyValue& kv : file.metadata) {
    const bool array = kv.type == static_cast<uint32_t>(GgufValue::kArray);
    if (array && absl::StartsWith(kv.key, "tokenizer.")) continue;
    // No setting is longer; in memory an array may take eight times what it takes in the file.
    constexpr uint64_t kMaxElements = 1 << 20;
    config.Set(std::string(kv.key),
               kv.count > kMaxElements ? Config::Opaque{PrintGgufValue(kv)} : ValueOf(kv, kv.count));
  }
  return config;
}

std::string PrintGgufValue(const GgufKeyValue& kv) {
  constexpr uint64_t kShown = 6;
  const std::string head = PrintValue(ValueOf(kv, kShown));
  if (kv.type != static_cast<uint32_t>(GgufValue::kArray) || kv.count <= kShown) return head;
  return absl::StrCat(head.substr(0, head.size() - 1), ", ... ", kv.count, " in all]");
}

absl::StatusOr<std::shared_ptr<const Vocab>> GgufVocab(const GgufFile& file, const Config& config) {
  CONCORD_ASSIGN_OR_RETURN(const std::optional<std::string> model,
                           config.String({.gguf = "tokenizer.ggml.model", .hf = ""}));
  if (!model || *model == "none") return std::shared_ptr<const Vocab>();
  auto vocab = std::make_shared<Vocab>();
  if (*model == "llama") {
    vocab->kind = VocabKind::kSpm;
  } else if (*model == "gpt2") {
    vocab->kind = VocabKind::kByteLevelBpe;
  } else {
    return absl::UnimplementedError(
        absl::StrCat("'tokenizer.ggml.model' is '", Printable(*model),
                     "'; Concord reads 'llama' (SentencePiece) and 'gpt2' (byte-level BPE)"));
  }
  CONCORD_RETURN_IF_ERROR(ReadStrings(file, "tokenizer.ggml.tokens", &vocab->tokens));
  if (vocab->tokens.empty()) {
    return absl::InvalidArgumentError("there is a 'tokenizer.ggml.model' but no 'tokenizer.ggml.tokens'");
  }
  CONCORD_RETURN_IF_ERROR(ReadStrings(file, "tokenizer.ggml.merges", &vocab->merges));
  CONCORD_RETURN_IF_ERROR(ReadScores(file, vocab.get()));
  CONCORD_RETURN_IF_ERROR(ReadTypes(file, vocab.get()));
  CONCORD_ASSIGN_OR_RETURN(vocab->pre, config.StringOr({.gguf = "tokenizer.ggml.pre", .hf = ""}, ""));
  CONCORD_RETURN_IF_ERROR(ReadIdsAndFlags(config, vocab.get()));
  if (const GgufKeyValue* map = file.Find("tokenizer.ggml.precompiled_charsmap"); map != nullptr && map->count > 0) {
    vocab->warnings.push_back("the tokenizer's character normalisation (precompiled_charsmap) is not applied");
  }
  return std::shared_ptr<const Vocab>(std::move(vocab));
}

absl::StatusOr<GenerationDefaults> GgufGeneration(const Config& config, const Vocab* vocab) {
  GenerationDefaults defaults;
  if (vocab != nullptr) {
    for (int32_t id : {vocab->eos, vocab->eot, vocab->eom}) {
      if (id >= 0) defaults.eos_ids.push_back(id);
    }
    if (vocab->bos >= 0) defaults.bos_id = vocab->bos;
    if (vocab->pad >= 0) defaults.pad_id = vocab->pad;
  }
  CONCORD_ASSIGN_OR_RETURN(defaults.temperature, config.Float({.gguf = "general.sampling.temp", .hf = ""}));
  CONCORD_ASSIGN_OR_RETURN(defaults.top_p, config.Float({.gguf = "general.sampling.top_p", .hf = ""}));
  CONCORD_ASSIGN_OR_RETURN(defaults.min_p, config.Float({.gguf = "general.sampling.min_p", .hf = ""}));
  CONCORD_ASSIGN_OR_RETURN(defaults.top_k, config.Int({.gguf = "general.sampling.top_k", .hf = ""}));
  CONCORD_ASSIGN_OR_RETURN(defaults.repetition_penalty,
                           config.Float({.gguf = "general.sampling.penalty_repeat", .hf = ""}));
  return defaults;
}

}  // namespace concord::loader
