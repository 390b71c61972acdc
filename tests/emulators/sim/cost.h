#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "backends/sdk/graph.h"

namespace concord::sim {

// What an op does and moves, stated from the program that crosses the border: the same formula as
// runtime/graph/cost.cc, from which it is told apart by a test and by nothing else.
struct OpCost {
  double flops = 0;
  double weight_bytes = 0;
  double state_bytes = 0;
  double activation_bytes = 0;

  double bytes() const { return weight_bytes + state_bytes + activation_bytes; }
};

// One of a step: tokens that are new, and keys that they see.
struct Sequence {
  int64_t n_new = 0;
  int64_t kv_len = 0;
};

// `extent`: that of a dim in this step. `sequences`: those of an op that reads kv_len. Its work is the mean over new
// tokens and its state the mean over sequences of what they are when all have that kv_len.
OpCost CostOf(const sdk::Op& op, const std::function<int64_t(const concord_dim&)>& extent,
              const std::vector<Sequence>& sequences);

}  // namespace concord::sim
