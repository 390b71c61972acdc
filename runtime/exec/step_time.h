#pragma once

#include <memory>
#include <vector>

#include "runtime/exec/loaded_part.h"
#include "runtime/graph/device_model.h"

namespace concord::exec {

// The sizes of a step whose time is asked for.
struct StepSizes {
  int64_t tokens = 1, seqs = 1, outputs = 1;
  int64_t kv_len = 1;      // keys that each token sees, on average
  int64_t max_tokens = 1;  // that the engine was made for: how it is cut into pieces depends on it
  int64_t context = 1;     // tokens a sequence may hold
};

struct StepPrediction {
  double seconds = 0;
  std::vector<double> part_seconds;    // computing, without copies; all pieces
  std::vector<double> part_out_bytes;  // of values that leave the part's device for others
  double copy_seconds = 0;             // inputs, cuts and logits
  graph::NodeCost cost;
};

// How long a step of a compiled model takes, by the figures of its devices.
// With one piece in flight its parts and copies follow each other. With P pieces over devices that work at the same
// time it is a flow shop of nearly equal jobs: all stages of the last, and the busiest device for those before (Pinedo,
// Scheduling, 6.1: proportionate flow shops).
absl::StatusOr<StepPrediction> PredictStep(const Parts& parts, const std::vector<std::shared_ptr<hal::Device>>& devices,
                                           const std::vector<graph::DeviceModel>& models, const StepSizes& sizes);

// How long prompts take that have sizes.tokens tokens together: in steps of at most sizes.max_tokens, each of which
// sees the keys of those before it. sizes.kv_len is not read.
absl::StatusOr<double> PredictPrompts(const Parts& parts, const std::vector<std::shared_ptr<hal::Device>>& devices,
                                      const std::vector<graph::DeviceModel>& models, StepSizes sizes);

}  // namespace concord::exec
