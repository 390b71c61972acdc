#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "runtime/exec/capacities.h"
#include "runtime/exec/lane.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/exec/step_batch.h"
#include "runtime/exec/step_cuts.h"
#include "runtime/exec/step_inputs.h"

namespace concord::exec {

// Runs steps of a model on its devices: owns the KV state, the input and output memory and the prepared programs.
// On one device a step is inputs in, program, logits out: one chain that the device runs by itself and the host waits
// for once. Over several, the host carries what parts pass to each other; a long step goes through in pieces, so that
// all of them work at once where they can. One thread. After Create nothing is prepared or allocated again.
class StepRunner {
 public:
  // `beside`: a runner that goes on beside this one, so that what both take of the machine's memory has to fit.
  static absl::StatusOr<std::unique_ptr<StepRunner>> Create(std::shared_ptr<const LoadedModel> model,
                                                            const StepCapacities& capacities,
                                                            const StepRunner* beside = nullptr);

  // Computes the step and waits for it.
  absl::Status Run(const StepBatch& batch);
  // The logits of each output row of the step before, [n_vocab]; may be written. Those of one piece lie one after the
  // other: all of them where the step has less than 2 * kMinMicroTokens tokens.
  absl::Span<float* const> logits() const { return rows_; }

  // The paged state of the model: what it is called in the graph, the device it lies on (in LoadedModel::devices()).
  struct KvState {
    std::string name;
    ops::TensorType type;  // [n_blocks, n_kv_heads, block_tokens, d_head]
    size_t device_index;
    const hal::Buffer* buffer;
  };
  std::vector<KvState> kv_states() const;
  const LoadedModel& model() const { return *model_; }

  int64_t prepares() const { return prepares_; }
  int64_t state_bytes() const { return state_bytes_; }
  int64_t workspace_bytes() const;
  // Time that ops took on devices that were not wished for them, because those refused them.
  double off_device_seconds() const { return off_device_seconds_; }

 private:
  using Clock = std::chrono::steady_clock;
  // A part, prepared for each slot.
  struct Part {
    const LoadedPart* loaded = nullptr;
    Lane* lane = nullptr;
    std::vector<hal::Prepared> prepared;
    std::vector<concord_symbol_value> symbols;
    std::vector<size_t> made, carried;      // in cuts_
    std::vector<concord_binding> bindings;  // the workspace
  };
  // A piece of a step on a part.
  struct Task {
    Lane::Moment moment;
    Clock::time_point begin;
    bool ended = false;
  };
  StepRunner() = default;
  absl::Status MakeStates(const StepCapacities& capacities);
  absl::Status PreparePart(const StepCapacities& capacities, size_t part);
  absl::Status MakeLogits(const StepCapacities& capacities);
  absl::Status MakeWorkspaces();

  void Divide(const StepBatch& batch);
  absl::Status RunPieces();
  absl::Status RunTask(size_t slot, size_t part);
  absl::Status Carry(size_t cut, size_t slot, size_t part);
  absl::Status WaitFor(size_t slot, size_t part);
  absl::Status Arrived();
  absl::Status Named(absl::Status status, const Lane& lane) const;
  void BeginAnew();

  std::shared_ptr<const LoadedModel> model_;
  std::shared_ptr<MemoryAccount> host_memory_;
  Lanes lanes_;                     // by device
  std::vector<StepInputs> inputs_;  // by device
  StepCuts cuts_;
  std::vector<std::vector<hal::Buffer>> states_;  // by part
  std::vector<hal::Buffer> workspaces_;           // by device
  std::vector<Part> parts_;                       // before what they bind is destroyed
  size_t logits_part_ = 0;
  std::vector<std::unique_ptr<hal::StagedBuffer>> logits_;  // by slot
  uint64_t logit_row_bytes_ = 0;

  std::vector<StepBatch> slices_;           // memory for pieces, by slot
  std::vector<const StepBatch*> pieces_;    // of this step
  std::vector<std::vector<Task>> tasks_;    // of this step, by slot and part
  std::vector<std::vector<bool>> carried_;  // of this step, by slot: at cut * lanes + lane
  std::vector<float*> rows_;

  int64_t slots_ = 1;
  int64_t prepares_ = 0;
  int64_t state_bytes_ = 0;
  double off_device_seconds_ = 0;
};

}  // namespace concord::exec
