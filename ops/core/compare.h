#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace concord::ops {

// How far a tensor that a device computed is from what the reference says.
struct Comparison {
  int64_t n_wrong = 0;  // beyond what is allowed; NaN is
  double error = 0;     // of the others: the largest |got − want| / max|want|
  std::string first;    // the first wrong ones, a line each: "\n[2, 0, 17] got 1.01, want 1 ± 1e-06"

  bool ok() const { return n_wrong == 0; }
};

// Elements in the same order on both sides. `tolerance` as of an OpDef: relative to max|want|. `more`, where it is not
// empty, holds what is allowed on top of that, by element. `index` names an element for people.
Comparison Compare(absl::Span<const double> got, absl::Span<const double> want, double tolerance,
                   absl::Span<const double> more, const std::function<std::string(int64_t)>& index);

// "[2, 0, 17]": where element `at`, counted in row-major order, stands.
std::string IndexText(const std::vector<int64_t>& dims, int64_t at);

}  // namespace concord::ops
