#pragma once

#include <memory>
#include <vector>

#include "runtime/exec/capacities.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/exec/step_batch.h"
#include "runtime/hal/staged_buffer.h"

namespace concord::exec {

// Runs steps of a model on its device: owns the KV state, the input and output memory and the prepared program.
// A step is inputs in, program, logits out: one chain that the device runs by itself and the host waits for once.
// One thread at a time. After Create nothing is prepared or allocated again.
class StepRunner {
 public:
  static absl::StatusOr<std::unique_ptr<StepRunner>> Create(std::shared_ptr<const LoadedModel> model,
                                                            const StepCapacities& capacities);

  // Computes the step and waits for it. The logits of output row r are at logits() + r * n_vocab until the next step.
  absl::Status Run(const StepBatch& batch);
  float* logits() const { return reinterpret_cast<float*>(logits_->data()); }

  int64_t prepares() const { return prepares_; }
  int64_t state_bytes() const { return state_bytes_; }
  int64_t workspace_bytes() const { return workspace_bytes_; }

 private:
  struct Input {
    const std::vector<int32_t> StepBatch::*field;
    uint32_t slot;
    uint64_t padded_bytes;
    uint64_t offset_bytes;
  };
  StepRunner() = default;
  // Refuses what does not fit into what was free when this began.
  absl::StatusOr<hal::Buffer> Allocate(int64_t bytes, absl::string_view what);
  absl::Status MakeState(const StepCapacities& capacities);
  absl::Status MakeInputs(const StepCapacities& capacities);
  absl::Status Prepare(const StepCapacities& capacities);
  void SetSymbols(const StepBatch& batch);
  uint64_t PackInputs(const StepBatch& batch);
  absl::Status BeginAnew();
  absl::Status Enqueue(uint64_t input_bytes, uint64_t logit_bytes);

  std::shared_ptr<const LoadedModel> model_;
  hal::Prepared prepared_;
  hal::Chain chain_;
  std::vector<hal::Chain> failed_;  // which work in the queue may still point to
  std::vector<hal::Buffer> states_;
  hal::Buffer workspace_;
  std::unique_ptr<hal::StagedBuffer> inputs_, logits_;
  std::vector<Input> input_fields_;  // in the order in which they are packed
  uint64_t logit_row_bytes_ = 0;
  std::vector<concord_symbol_value> symbols_;
  std::vector<concord_binding> bindings_;  // the workspace
  int64_t prepares_ = 0;
  int64_t state_bytes_ = 0;
  int64_t workspace_bytes_ = 0;
  int64_t free_bytes_ = -1;  // -1: unknown
  int64_t allocated_bytes_ = 0;
};

}  // namespace concord::exec
