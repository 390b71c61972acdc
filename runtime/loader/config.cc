#include "runtime/loader/config.h"

#include <cmath>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "runtime/loader/printable.h"

namespace concord::loader {
namespace {

// What a wrapper's top level may say about the language model it nests.
bool SeenThroughWrapper(absl::string_view key) {
  for (absl::string_view seen : {"architectures", "model_type", "tie_word_embeddings", "bos_token_id", "eos_token_id",
                                 "pad_token_id", "dtype", "torch_dtype"}) {
    if (key == seen) return true;
  }
  return absl::StartsWith(key, "quantization_config");
}

// The same setting under the names that other versions of transformers write.
std::vector<std::string> HfSynonyms(absl::string_view path) {
  std::vector<std::string> names = {std::string(path)};
  if (path == "dtype") names.push_back("torch_dtype");
  if (path == "torch_dtype") names.push_back("dtype");
  if (path == "rope_theta" || path == "partial_rotary_factor") names.push_back(absl::StrCat("rope_parameters.", path));
  if (path == "rope_scaling") names.push_back("rope_parameters");
  absl::string_view rest = path;
  if (absl::ConsumePrefix(&rest, "rope_scaling.")) {
    const absl::string_view type = rest == "rope_type" ? "type" : rest == "type" ? "rope_type" : "";
    if (!type.empty()) names.push_back(absl::StrCat("rope_scaling.", type));
    names.push_back(absl::StrCat("rope_parameters.", rest));
    if (!type.empty()) names.push_back(absl::StrCat("rope_parameters.", type));
  }
  return names;
}

// Integral and exactly representable: 2^53 bounds what a double in JSON can mean as an integer.
std::optional<int64_t> AsInt(double value) {
  constexpr double kExact = 9007199254740992.0;
  if (!(std::abs(value) <= kExact) || value != std::floor(value)) return std::nullopt;
  return static_cast<int64_t>(value);
}

// Convert(value, &out): the conversions that Config allows, one overload a wanted type.
bool Convert(const Config::Value& value, int64_t* out) {
  if (const auto* exact = std::get_if<int64_t>(&value)) {
    *out = *exact;
    return true;
  }
  const auto* real = std::get_if<double>(&value);
  const std::optional<int64_t> whole = real == nullptr ? std::nullopt : AsInt(*real);
  if (whole) *out = *whole;
  return whole.has_value();
}

bool Convert(const Config::Value& value, double* out) {
  if (const auto* real = std::get_if<double>(&value))
    *out = *real;
  else if (const auto* exact = std::get_if<int64_t>(&value))
    *out = static_cast<double>(*exact);
  else
    return false;
  return true;
}

bool Convert(const Config::Value& value, bool* out) {
  const auto* found = std::get_if<bool>(&value);
  if (found != nullptr) *out = *found;
  return found != nullptr;
}

bool Convert(const Config::Value& value, std::string* out) {
  const auto* found = std::get_if<std::string>(&value);
  if (found != nullptr) *out = *found;
  return found != nullptr;
}

template <typename From, typename T>
bool ConvertElements(const Config::Value& value, std::vector<T>* out) {
  const auto* found = std::get_if<std::vector<From>>(&value);
  if (found == nullptr) return false;
  for (const auto& element : *found) {
    T converted;
    if (!Convert(Config::Value(From(element)), &converted)) return false;
    out->push_back(std::move(converted));
  }
  return true;
}

bool IsEmptyArray(const Config::Value& value) {
  return std::visit(
      [](const auto& v) {
        using V = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<V, std::string> || !requires { v.size(); })
          return false;
        else
          return v.empty();
      },
      value);
}

template <typename T>
bool Convert(const Config::Value& value, std::vector<T>* out) {
  T scalar;
  if (Convert(value, &scalar)) {
    out->push_back(std::move(scalar));
    return true;
  }
  if (IsEmptyArray(value) || ConvertElements<T>(value, out)) return true;
  out->clear();
  if constexpr (std::is_same_v<T, int64_t>) return ConvertElements<double>(value, out);
  if constexpr (std::is_same_v<T, double>) return ConvertElements<int64_t>(value, out);
  return false;
}

template <typename T>
absl::string_view TypeName() {
  if constexpr (std::is_same_v<T, int64_t>) return "an integer";
  if constexpr (std::is_same_v<T, double>) return "a number";
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_same_v<T, std::string>) return "a string";
  if constexpr (std::is_same_v<T, std::vector<int64_t>>) return "an integer or a list of integers";
  if constexpr (std::is_same_v<T, std::vector<double>>) return "a number or a list of numbers";
  if constexpr (std::is_same_v<T, std::vector<bool>>) return "a list of true and false";
  return "a list of strings";
}

template <typename T>
absl::StatusOr<T> OrElse(absl::StatusOr<std::optional<T>> found, T otherwise) {
  if (!found.ok()) return found.status();
  return found->has_value() ? **std::move(found) : std::move(otherwise);
}

template <typename T>
absl::StatusOr<T> Required(absl::StatusOr<std::optional<T>> found, const std::string& key) {
  if (!found.ok()) return found.status();
  if (found->has_value()) return **std::move(found);
  return absl::InvalidArgumentError(
      absl::StrCat("the model does not say '", key, "', which is needed: want ", TypeName<T>(), " there"));
}

}  // namespace

Config::Config(Dialect dialect, std::string prefix) : dialect_(dialect), prefix_(std::move(prefix)) {}

std::string Config::KeyName(Names names) const {
  const bool gguf = dialect_ == Dialect::kGguf;
  const absl::string_view all = gguf ? names.gguf : names.hf;
  if (all.empty()) return absl::StrCat(gguf ? names.hf : names.gguf, " (of the other format)");
  const std::string first(all.substr(0, all.find('|')));
  if (prefix_.empty() || (gguf && absl::StrContains(first, "general."))) return first;
  return absl::StrCat(prefix_, ".", first);
}

Config::Found Config::LookupPath(absl::string_view path) const {
  const auto present = [this](const std::string& key) -> Found {
    const auto it = values_.find(key);
    return it == values_.end() ? Found{} : Found{it->first, &it->second};
  };
  if (dialect_ == Dialect::kGguf) {
    const Found found = present(absl::StrCat(prefix_, ".", path));
    return found.value != nullptr ? found : present(std::string(path));
  }
  for (const std::string& name : HfSynonyms(path)) {
    if (prefix_.empty() || SeenThroughWrapper(name)) continue;
    if (const Found found = present(absl::StrCat(prefix_, ".", name)); found.value != nullptr) return found;
  }
  for (const std::string& name : HfSynonyms(path)) {
    if (!prefix_.empty()) {
      if (!SeenThroughWrapper(name)) continue;
      if (const Found found = present(absl::StrCat(prefix_, ".", name)); found.value != nullptr) return found;
    }
    if (const Found found = present(name); found.value != nullptr) return found;
  }
  return {};
}

Config::Found Config::Lookup(Names names) const {
  const absl::string_view all = dialect_ == Dialect::kGguf ? names.gguf : names.hf;
  for (absl::string_view path : absl::StrSplit(all, '|', absl::SkipEmpty())) {
    if (const Found found = LookupPath(path); found.value != nullptr) return found;
  }
  return {};
}

bool Config::Has(Names names) const {
  if (Lookup(names).value != nullptr) return true;
  if (dialect_ == Dialect::kGguf) return false;
  for (absl::string_view path : absl::StrSplit(names.hf, '|', absl::SkipEmpty())) {
    for (const std::string& name : HfSynonyms(path)) {
      const auto below = [this](const std::string& parent) {
        const auto it = values_.lower_bound(parent);
        return it != values_.end() && absl::StartsWith(it->first, parent);
      };
      if (!prefix_.empty() && below(absl::StrCat(prefix_, ".", name, "."))) return true;
      if ((prefix_.empty() || SeenThroughWrapper(name)) && below(absl::StrCat(name, "."))) return true;
    }
  }
  return false;
}

template <typename T>
absl::StatusOr<std::optional<T>> Config::Get(Names names) const {
  const Found found = Lookup(names);
  if (found.value == nullptr) return std::optional<T>();
  T value{};
  if (Convert(*found.value, &value)) return std::optional<T>(std::move(value));
  return absl::InvalidArgumentError(absl::StrCat("the model's setting '", Printable(found.key), "' is ",
                                                 PrintValue(*found.value), "; want ", TypeName<T>()));
}

absl::StatusOr<std::optional<int64_t>> Config::Int(Names names) const { return Get<int64_t>(names); }
absl::StatusOr<std::optional<double>> Config::Float(Names names) const { return Get<double>(names); }
absl::StatusOr<std::optional<bool>> Config::Bool(Names names) const { return Get<bool>(names); }
absl::StatusOr<std::optional<std::string>> Config::String(Names names) const { return Get<std::string>(names); }
absl::StatusOr<std::optional<std::vector<int64_t>>> Config::IntArray(Names names) const {
  return Get<std::vector<int64_t>>(names);
}
absl::StatusOr<std::optional<std::vector<double>>> Config::FloatArray(Names names) const {
  return Get<std::vector<double>>(names);
}
absl::StatusOr<std::optional<std::vector<bool>>> Config::BoolArray(Names names) const {
  return Get<std::vector<bool>>(names);
}
absl::StatusOr<std::optional<std::vector<std::string>>> Config::StringArray(Names names) const {
  return Get<std::vector<std::string>>(names);
}

absl::StatusOr<int64_t> Config::RequireInt(Names names) const { return Required(Int(names), KeyName(names)); }
absl::StatusOr<double> Config::RequireFloat(Names names) const { return Required(Float(names), KeyName(names)); }
absl::StatusOr<std::string> Config::RequireString(Names names) const { return Required(String(names), KeyName(names)); }

absl::StatusOr<int64_t> Config::IntOr(Names names, int64_t otherwise) const { return OrElse(Int(names), otherwise); }
absl::StatusOr<double> Config::FloatOr(Names names, double otherwise) const { return OrElse(Float(names), otherwise); }
absl::StatusOr<bool> Config::BoolOr(Names names, bool otherwise) const { return OrElse(Bool(names), otherwise); }
absl::StatusOr<std::string> Config::StringOr(Names names, absl::string_view otherwise) const {
  return OrElse(String(names), std::string(otherwise));
}

absl::StatusOr<std::vector<int64_t>> Config::IntPerLayer(Names names, int64_t n_layers, int64_t otherwise) const {
  CONCORD_ASSIGN_OR_RETURN(std::optional<std::vector<int64_t>> found, IntArray(names));
  // Layers are bounded by the tensors that exist, long before this: far above any model, far below what hurts.
  constexpr int64_t kMaxLayers = 1 << 20;
  if (n_layers < 0 || n_layers > kMaxLayers) {
    return absl::InvalidArgumentError(absl::StrCat("the model says it has ", n_layers, " layers"));
  }
  const size_t count = static_cast<size_t>(n_layers);
  if (!found) return std::vector<int64_t>(count, otherwise);
  if (std::holds_alternative<int64_t>(*Lookup(names).value)) return std::vector<int64_t>(count, found->at(0));
  if (found->size() < count) {
    return absl::InvalidArgumentError(
        absl::StrCat("the model's setting '", KeyName(names), "' lists ", found->size(), " layers; want ", n_layers));
  }
  found->resize(count);
  return *std::move(found);
}

namespace {

std::string PrintScalar(bool value) { return value ? "true" : "false"; }
std::string PrintScalar(int64_t value) { return absl::StrCat(value); }
std::string PrintScalar(double value) { return absl::StrCat(value); }
std::string PrintScalar(const std::string& value) { return absl::StrCat("'", Printable(value), "'"); }

}  // namespace

std::string PrintValue(const Config::Value& value) {
  constexpr size_t kShown = 8;
  return std::visit(
      [](const auto& v) -> std::string {
        using V = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<V, Config::Opaque>) {
          return v.text;
        } else if constexpr (std::is_same_v<V, std::string> || !requires { v.size(); }) {
          return PrintScalar(v);
        } else {
          std::vector<std::string> shown;
          for (size_t i = 0; i < v.size() && i < kShown; ++i)
            shown.push_back(PrintScalar(typename V::value_type(v[i])));
          if (v.size() > kShown) shown.push_back(absl::StrCat("... ", v.size(), " in all"));
          return absl::StrCat("[", absl::StrJoin(shown, ", "), "]");
        }
      },
      value);
}

}  // namespace concord::loader
