#pragma once

#include <utility>
#include <vector>

#include "runtime/exec/step_batch.h"
#include "runtime/exec/trial.h"
#include "runtime/graph/cost.h"

namespace concord::exec {

// A step that the canary computes with: always the same for a model.
struct CanaryStep {
  StepBatch batch;
  graph::SymbolValues symbols;
  std::vector<double> work;  // by node of the graph: about how many operations
};

// `sequences` as (tokens that are there already, tokens of this step). Logits are wanted of every token, or of the last
// of each sequence.
absl::StatusOr<CanaryStep> MakeCanaryStep(const LoadedPart& part, int64_t n_vocab,
                                          const std::vector<std::pair<int64_t, int64_t>>& sequences, bool all_logits);

// Gives what the nodes of a trial read from outside and do not have yet: numbers of the step, and states and
// activations drawn at random, the same each time. Unimplemented: an input that nobody knows the meaning of.
absl::Status FillInputs(const CanaryStep& step, Trial* trial);

}  // namespace concord::exec
