#pragma once

#include "runtime/base/machine_probe.h"

namespace concord::kernels {

// What one thread of this machine can do, measured once, when first asked for: speeds are shown as a share of it too.
// Zeros where it could not be measured.
inline const MachineLimits& OneThreadLimits() {
  static const MachineLimits limits = [] {
    absl::StatusOr<MachineLimits> measured = ProbeMachine(/*threads=*/1, /*pin=*/false);
    return measured.ok() ? *measured : MachineLimits{};
  }();
  return limits;
}

// The share in percent, a counter like the rate itself; 0 of an unknown limit.
inline double PercentPerUnit(double units, double limit_per_second) {
  return limit_per_second > 0 ? 100 * units / limit_per_second : 0;
}

}  // namespace concord::kernels
