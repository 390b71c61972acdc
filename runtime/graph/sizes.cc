#include "runtime/graph/sizes.h"

#include "runtime/base/checked.h"

namespace concord::graph {

absl::StatusOr<std::vector<int64_t>> ResolveDims(const ops::TensorType& type, const SymbolValues& symbols) {
  std::vector<int64_t> dims;
  dims.reserve(type.dims.size());
  for (const ops::Dim& dim : type.dims) {
    int64_t extent = dim.value;
    if (!dim.is_constant()) {
      const auto it = symbols.find(dim.symbol);
      if (it == symbols.end())
        return absl::NotFoundError(absl::StrCat("no value is given for the symbol '", dim.symbol, "'"));
      if (!CheckedAdd(it->second, dim.value, &extent)) extent = -1;
    }
    if (extent < 0)
      return absl::OutOfRangeError(
          absl::StrCat("the dim ", dim.ToString(), " of ", type.ToString(), " is negative or too large"));
    dims.push_back(extent);
  }
  return dims;
}

absl::StatusOr<int64_t> ResolveBytes(const ops::TensorType& type, const SymbolValues& symbols) {
  CONCORD_ASSIGN_OR_RETURN(std::vector<int64_t> dims, ResolveDims(type, symbols));
  if (!dims.empty()) dims.back() = type.packing->Bytes(dims.back());  // -1 becomes an error below
  const absl::StatusOr<int64_t> bytes = CheckedProduct(dims);
  if (!bytes.ok()) return absl::OutOfRangeError(absl::StrCat("the size of ", type.ToString(), " leaves 64 bits"));
  return *bytes;
}

}  // namespace concord::graph
