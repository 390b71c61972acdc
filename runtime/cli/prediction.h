#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/cli/model_options.h"
#include "runtime/exec/capacities.h"
#include "runtime/exec/compile.h"
#include "runtime/graph/cost.h"
#include "runtime/graph/memory_plan.h"
#include "runtime/graph/module.h"

namespace concord::cli {

// What running a model takes, for one size of context. In bytes.
struct Memory {
  int64_t weights_mapped = 0;  // used in the file where they lie: page cache, not the process's own
  int64_t weights_made = 0;    // converted, transposed, or copied to the device
  int64_t kv = 0;
  int64_t activations = 0;         // the planned part of the workspace
  std::optional<int64_t> scratch;  // what the device adds to it; unset: it does not say before weights are there
  int64_t io = 0;                  // inputs and logits of a step

  int64_t resident() const { return weights_made + kv + activations + scratch.value_or(0) + io; }
};

// A model compiled for a device with no weight read, to ask what it would take.
class Prediction {
 public:
  // `sequences`: requests at once, each with a full context.
  static absl::StatusOr<std::unique_ptr<Prediction>> Make(const ModelOptions& options, int64_t sequences);
  Prediction(const Prediction&) = delete;
  Prediction& operator=(const Prediction&) = delete;

  absl::StatusOr<Memory> MemoryFor(int64_t context) const;
  absl::StatusOr<graph::MemoryPlan> PlanFor(int64_t context) const;
  // Decoding one token of each sequence, when all contexts are full.
  absl::StatusOr<graph::NodeCost> DecodeCost(int64_t context) const;
  // The most tokens a sequence may have in the device's free memory, at most what the model was made for; 0: none.
  absl::StatusOr<int64_t> LargestContext() const;

  const loader::ModelSource& source() const { return *source_; }
  const graph::Module& module() const { return module_; }
  const hal::Device& device() const { return *device_; }
  const exec::CompiledModule& compiled() const { return *compiled_; }
  const std::vector<exec::DecodedWeight>& decoded() const { return compiled_->decoded; }
  int64_t context() const { return context_; }  // what the model would be loaded for
  int64_t nodes_before_fusion() const { return nodes_before_; }
  int64_t free_bytes() const { return free_bytes_; }  // of the device; 0: unknown
  int64_t layers() const;
  int64_t step_tokens(int64_t context) const;  // the most that a step computes
  std::map<std::string, int64_t> OpCounts() const;
  std::map<std::string, int64_t> ArithmeticCounts() const;

 private:
  Prediction() = default;
  absl::StatusOr<exec::StepCapacities> Capacities(int64_t context) const;
  absl::Status StandIns();
  std::optional<int64_t> ScratchBytes(const graph::MemoryPlan& plan, const graph::SymbolValues& capacities) const;

  std::unique_ptr<loader::ModelSource> source_;
  graph::Module module_;
  std::shared_ptr<hal::Device> device_;
  std::optional<exec::CompiledModule> compiled_;
  std::shared_ptr<const void> zeros_;     // what stand-ins point to: address space, no memory
  std::vector<hal::Constant> stand_ins_;  // one a weight, in the module's order; empty where a device would copy them
  int64_t context_ = 0, sequences_ = 1, batch_tokens_ = 512, nodes_before_ = 0, free_bytes_ = 0;
};

}  // namespace concord::cli
