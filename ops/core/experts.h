#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/core/numerics.h"

// What linear_experts and what contains it share.
namespace concord::ops {

// The share of E experts that at least one of n tokens goes to, when each takes k of them as if by lot:
// 1 - (1 - k / E)^n. Real routers are less even; the true number is known only to the step itself.
inline double ExpectedExpertShare(double n, double k, double experts) {
  return experts <= 0 ? 1 : 1 - std::pow(std::max(0.0, 1 - k / experts), n);
}

// Ids as a router gives them: those of a token differ, and of many experts some get no token at all.
inline Fill FillExperts(int64_t experts) {
  return [experts](CaseRng& rng, const TensorView& view) {
    std::vector<int64_t> order(experts);
    for (int64_t t = 0; t < view.rows(); ++t) {
      for (int64_t e = 0; e < experts; ++e) order[e] = e;
      for (int64_t j = 0; j < view.cols(); ++j) {
        std::swap(order[j], order[rng.Int(j, experts - 1)]);
        view.SetInt(t * view.cols() + j, order[j]);
      }
    }
  };
}

}  // namespace concord::ops
