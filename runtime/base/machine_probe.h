#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/status.h"

namespace concord {

struct Peak {
  double ops_per_second = 0;  // multiplications and additions
  std::string instruction;    // "vpdpbusd zmm"; empty: none that is worth measuring
};

// What this machine can do at most, measured now, with as many threads as the model gets: what speeds are held against.
// Peaks are those of vector instructions; a tile unit, where there is one, may exceed them.
struct MachineLimits {
  int threads = 0;
  double read_bytes_per_second = 0;  // from memory, not from a cache
  Peak int8;
  Peak f32;
  Peak floats;  // of f32, or of bf16 where that is faster
};

// Takes about half a second and 256 MiB. `threads` 0: as many as a model gets.
absl::StatusOr<MachineLimits> ProbeMachine(int threads, bool pin);

}  // namespace concord
