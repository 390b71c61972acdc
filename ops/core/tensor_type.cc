#include "ops/core/tensor_type.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/intern.h"

namespace concord::ops {

Dim Dim::Symbol(const char* name, int64_t plus) {
  Dim dim(plus);
  dim.symbol = Intern(name);
  return dim;
}

std::string Dim::ToString() const {
  if (symbol == nullptr) return absl::StrCat(value);
  return value == 0 ? std::string(symbol) : absl::StrCat(symbol, value > 0 ? "+" : "", value);
}

std::string ToString(const std::vector<Dim>& dims) {
  return absl::StrCat("[", absl::StrJoin(dims, ", ", [](std::string* out, const Dim& d) { *out += d.ToString(); }),
                      "]");
}

std::string TensorType::ToString() const {
  return absl::StrCat(packing == nullptr ? "?" : packing->name, ops::ToString(dims), layout.empty() ? "" : " ", layout);
}

}  // namespace concord::ops
