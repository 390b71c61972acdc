#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/status.h"

namespace concord::cli {

// What this machine can do at most, measured now, with as many threads as the model gets: what speeds are held against.
struct MachineLimits {
  int threads = 0;
  double read_bytes_per_second = 0;  // from memory, not from a cache
  double int8_ops_per_second = 0;    // multiplications and additions of the best int8 instruction there is
  std::string int8_instruction;      // "vpdpbusd zmm"; empty: none that is worth measuring
};

// Takes about half a second and 256 MiB. `threads` 0: as many as a model gets.
absl::StatusOr<MachineLimits> ProbeMachine(int threads, bool pin);

}  // namespace concord::cli
