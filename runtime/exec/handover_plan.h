#pragma once

#include <cstdint>
#include <string>

#include "runtime/exec/planner.h"

namespace concord::exec {

// What handing over one sequence with a full context would take.
struct HandoverPlan {
  int64_t tokens = 0;
  int64_t bytes_read = 0, bytes_written = 0;  // as either side holds its KV
  int64_t staging_bytes = 0;                  // of the host's memory, through which it goes
  double seconds = 0;  // the copies; what the host takes to convert and to sum is not known. 0: nothing is copied
  bool copies_predicted = false;  // both devices were measured
  bool fits = true;               // both sides together
  std::string lack;               // what does not fit
};

// Of planners of one model for the two devices.
absl::StatusOr<HandoverPlan> PlanHandover(const Planner& prefill, const Planner& decode);

}  // namespace concord::exec
