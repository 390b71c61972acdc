#include "ops/core/attrs.h"

#include "absl/strings/str_cat.h"

namespace concord::ops {

std::string ToString(const AttrValue& value) {
  if (auto* i = std::get_if<int64_t>(&value)) return absl::StrCat(*i);
  if (auto* f = std::get_if<double>(&value)) return absl::StrCat(*f);
  return std::get<std::string>(value);
}

std::string Attrs::ToString() const {
  std::string text = "{";
  for (const auto& [key, value] : values_) {
    absl::StrAppend(&text, text.size() > 1 ? ", " : "", key, "=", ops::ToString(value));
  }
  return text + "}";
}

}  // namespace concord::ops
