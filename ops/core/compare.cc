#include "ops/core/compare.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace concord::ops {
namespace {

constexpr int kShownWrong = 5;

}  // namespace

Comparison Compare(absl::Span<const double> got, absl::Span<const double> want, double tolerance,
                   absl::Span<const double> more, const std::function<std::string(int64_t)>& index) {
  double largest = 0;
  for (const double w : want) largest = std::max(largest, std::fabs(w));
  Comparison result;
  for (size_t i = 0; i < want.size(); ++i) {
    const double allowed = tolerance * largest + (more.empty() ? 0 : more[i]);
    const double off = std::fabs(got[i] - want[i]);
    if (largest > 0 && off <= allowed) {
      result.error = std::max(result.error, off / largest);
    } else if (!(off <= 0) && result.n_wrong++ < kShownWrong) {  // NaN too
      absl::StrAppendFormat(&result.first, "\n%s got %.9g, want %.9g ± %.3g", index(static_cast<int64_t>(i)), got[i],
                            want[i], allowed);
    }
  }
  return result;
}

std::string IndexText(const std::vector<int64_t>& dims, int64_t at) {
  std::vector<int64_t> index(dims.size());
  for (size_t d = dims.size(); d-- > 0;) {
    index[d] = at % dims[d];
    at /= dims[d];
  }
  return absl::StrCat("[", absl::StrJoin(index, ", "), "]");
}

}  // namespace concord::ops
