#pragma once

#include <string>
#include <vector>

#include "ops/core/op.h"

namespace concord::cts {

// A case of an op under the name that the suite gives it: op/packing/arithmetic/case, "linear/q4_k/f32/5x768x67". The
// packing is that of the first weight, else of the first state, else of the first input.
struct NamedOpCase {
  std::string name;
  std::string kind;  // the name without its last part
  const ops::OpCase* op_case;
};

// Of every op, names unique; lives for ever.
const std::vector<NamedOpCase>& AllOpCases();

// The case of that name; null where there is none.
const ops::OpCase* FindOpCase(absl::string_view name);

}  // namespace concord::cts
