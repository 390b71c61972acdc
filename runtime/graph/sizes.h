#pragma once

#include <map>
#include <string>
#include <vector>

#include "ops/core/tensor_type.h"
#include "runtime/base/status.h"

namespace concord::graph {

// Values of symbols by name: capacities, or the sizes of one step.
using SymbolValues = std::map<std::string, int64_t>;

// `type` with its symbols replaced. NotFound for a symbol without a value, OutOfRange for a negative dim.
absl::StatusOr<std::vector<int64_t>> ResolveDims(const ops::TensorType& type, const SymbolValues& symbols);

// Bytes of the whole tensor; also errors when the size leaves 64 bits.
absl::StatusOr<int64_t> ResolveBytes(const ops::TensorType& type, const SymbolValues& symbols);

}  // namespace concord::graph
