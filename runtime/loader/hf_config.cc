#include "runtime/loader/hf_config.h"

#include "runtime/loader/json.h"
#include "runtime/loader/printable.h"

namespace concord::loader {
namespace {

using nlohmann::json;

template <typename T, typename Accept>
bool AllOf(const json& array, Accept accept, std::vector<T>* out) {
  for (const json& element : array) {
    if (!accept(element)) return false;
    out->push_back(element.get<T>());
  }
  return true;
}

// Beyond int64 an integer is stored as a double, which no integer setting accepts.
bool IsInt64(const json& value) {
  return value.is_number_integer() && (!value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t{INT64_MAX});
}

Config::Value ArrayValue(const json& array) {
  std::vector<int64_t> ints;
  if (AllOf(array, IsInt64, &ints)) return ints;
  std::vector<double> numbers;
  if (AllOf(
          array, [](const json& v) { return v.is_number(); }, &numbers))
    return numbers;
  std::vector<bool> flags;
  if (AllOf(
          array, [](const json& v) { return v.is_boolean(); }, &flags))
    return flags;
  std::vector<std::string> strings;
  if (AllOf(
          array, [](const json& v) { return v.is_string(); }, &strings))
    return strings;
  return Config::Opaque{Printable(array.dump(-1, ' ', false, json::error_handler_t::replace))};
}

void Flatten(const std::string& path, const json& value, Config* config) {
  if (value.is_null()) return;
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) {
      Flatten(path.empty() ? key : absl::StrCat(path, ".", key), member, config);
    }
  } else if (value.is_array()) {
    config->Set(path, ArrayValue(value));
  } else if (value.is_boolean()) {
    config->Set(path, value.get<bool>());
  } else if (value.is_string()) {
    config->Set(path, value.get<std::string>());
  } else if (IsInt64(value)) {
    config->Set(path, value.get<int64_t>());
  } else {
    config->Set(path, value.get<double>());
  }
}

absl::StatusOr<json> ParseObject(absl::string_view text, absl::string_view what) {
  constexpr size_t kMaxBytes = 64 << 20;  // hundreds of times the largest known
  if (text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " has ", text.size(), " bytes; at most ", kMaxBytes, " are read"));
  }
  CONCORD_ASSIGN_OR_RETURN(json object, ParseJson(text, what));
  if (!object.is_object()) return absl::InvalidArgumentError(absl::StrCat(what, " is not a JSON object"));
  return object;
}

std::string NestedModel(const json& object) {
  for (const char* name : {"text_config", "llm_config"}) {
    const auto it = object.find(name);
    if (it != object.end() && it->is_object()) return name;
  }
  return "";
}

absl::Status ReadGeneration(const Config& said, const Config& config, GenerationDefaults* out) {
  const auto ids = [&](absl::string_view key) -> absl::StatusOr<std::vector<int64_t>> {
    const Names names{.gguf = "", .hf = key};
    CONCORD_ASSIGN_OR_RETURN(std::optional<std::vector<int64_t>> found, said.IntArray(names));
    if (!found) {
      CONCORD_ASSIGN_OR_RETURN(found, config.IntArray(names));
    }
    return found.value_or(std::vector<int64_t>());
  };
  CONCORD_ASSIGN_OR_RETURN(out->eos_ids, ids("eos_token_id"));
  CONCORD_ASSIGN_OR_RETURN(const std::vector<int64_t> bos, ids("bos_token_id"));
  CONCORD_ASSIGN_OR_RETURN(const std::vector<int64_t> pad, ids("pad_token_id"));
  if (!bos.empty()) out->bos_id = bos[0];
  if (!pad.empty()) out->pad_id = pad[0];
  CONCORD_ASSIGN_OR_RETURN(out->do_sample, said.Bool({.gguf = "", .hf = "do_sample"}));
  CONCORD_ASSIGN_OR_RETURN(out->temperature, said.Float({.gguf = "", .hf = "temperature"}));
  CONCORD_ASSIGN_OR_RETURN(out->top_p, said.Float({.gguf = "", .hf = "top_p"}));
  CONCORD_ASSIGN_OR_RETURN(out->min_p, said.Float({.gguf = "", .hf = "min_p"}));
  CONCORD_ASSIGN_OR_RETURN(out->top_k, said.Int({.gguf = "", .hf = "top_k"}));
  CONCORD_ASSIGN_OR_RETURN(out->repetition_penalty, said.Float({.gguf = "", .hf = "repetition_penalty"}));
  CONCORD_ASSIGN_OR_RETURN(out->max_new_tokens, said.Int({.gguf = "", .hf = "max_new_tokens"}));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Config> ParseHfConfig(absl::string_view text, absl::string_view what) {
  CONCORD_ASSIGN_OR_RETURN(const json object, ParseObject(text, what));
  Config config(Config::Dialect::kHuggingFace, NestedModel(object));
  Flatten("", object, &config);
  return config;
}

absl::StatusOr<std::string> HfArchitecture(const Config& config, absl::string_view what) {
  // From the top level: what a wrapper is called, not what it wraps.
  const auto listed = config.values().find("architectures");
  if (listed != config.values().end()) {
    const auto* names = std::get_if<std::vector<std::string>>(&listed->second);
    if (names != nullptr && !names->empty()) return names->front();
  }
  const auto type = config.values().find("model_type");
  const auto* name = type == config.values().end() ? nullptr : std::get_if<std::string>(&type->second);
  if (name != nullptr && !name->empty()) return *name;
  return absl::InvalidArgumentError(
      absl::StrCat(what, " says neither 'architectures' nor 'model_type', so the kind of model is unknown"));
}

absl::StatusOr<GenerationDefaults> ParseHfGeneration(absl::string_view text, absl::string_view what,
                                                     const Config& config) {
  Config said(Config::Dialect::kHuggingFace);
  if (!text.empty()) {
    CONCORD_ASSIGN_OR_RETURN(const json object, ParseObject(text, what));
    Flatten("", object, &said);
  }
  GenerationDefaults defaults;
  CONCORD_RETURN_IF_ERROR(Annotate(ReadGeneration(said, config, &defaults), what));
  return defaults;
}

absl::StatusOr<std::string> ParseHfChatTemplate(absl::string_view text, absl::string_view what) {
  CONCORD_ASSIGN_OR_RETURN(const json object, ParseObject(text, what));
  const auto found = object.find("chat_template");
  if (found == object.end() || found->is_null()) return std::string();
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": 'chat_template' is neither a string nor a list"));
  }
  std::string first;
  for (const json& entry : *found) {
    if (!entry.is_object()) continue;
    const auto body = entry.find("template");
    const auto name = entry.find("name");
    if (body == entry.end() || !body->is_string()) continue;
    if (name != entry.end() && *name == "default") return body->get<std::string>();
    if (first.empty()) first = body->get<std::string>();
  }
  return first;
}

}  // namespace concord::loader
