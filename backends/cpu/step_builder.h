#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "backends/cpu/step.h"
#include "backends/sdk/sdk.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/linear.h"

namespace concord::cpu {

// What a step touches: a value of the program, or a scratch.
struct Access {
  bool scratch = false;
  uint32_t index = 0;
  bool write = false;
};

struct PlannedStep {
  std::unique_ptr<Step> step;
  std::vector<Access> accesses;
  uint32_t op_index = CONCORD_NONE;
};

// Collects the steps of a program while it is being prepared, and makes what ops share: rounded activations, rotary
// tables, decoded vectors.
class StepBuilder {
 public:
  StepBuilder(const sdk::HostBindings* bindings, const kernels::KernelTable* kernels, uint32_t workers)
      : bindings_(bindings), kernels_(kernels), workers_(workers) {}

  const sdk::HostBindings& bindings() const { return *bindings_; }
  const kernels::KernelTable& kernels() const { return *kernels_; }
  uint32_t workers() const { return workers_; }  // at most so many run tiles

  // The op whose step is being made; its values become accesses of that step.
  void BeginOp(const sdk::Op& op);
  void EndOp(std::unique_ptr<Step> step);

  // An f32 vector of `elems` elements for a slot that may be absent. INVALID_ARGUMENT when a constant is too short.
  sdk::Result<FloatVector> Floats(const sdk::Value& value, int64_t elems);

  // Memory of this program's own, alive from the first step that writes it to the last one that reads it.
  uint32_t NewScratch(uint64_t bytes);
  // So much scratch for whichever worker runs a tile of any step.
  void NeedWorkerScratch(uint64_t bytes) { worker_bytes_ = std::max(worker_bytes_, bytes); }

  // `x` as rows of `k` floats each, made ready for `kernel` by its make_rows: one step, however many ops ask. The
  // scratch id.
  uint32_t ReadyRows(const Activation& x, int64_t k, const kernels::LinearKernel& kernel);

  // cos and sin for every token: one step for all layers.
  uint32_t RopeTable(const sdk::Value& positions, const sdk::Value& inv_freq_value, FloatVector inv_freq,
                     int64_t n_pairs, float attn_factor);

  // Which rows each of `n_experts` experts works on, from `ids` [n, k]: one step for all ops that ask. The scratch id;
  // expert_rows.h says what it holds.
  uint32_t ExpertRows(const sdk::Value& ids, int64_t n_experts);

  std::vector<PlannedStep>& steps() { return steps_; }
  const std::vector<uint64_t>& scratch_bytes() const { return scratch_bytes_; }
  uint64_t worker_bytes() const { return worker_bytes_; }
  std::vector<std::unique_ptr<std::vector<float>>> TakeFloats() { return std::move(floats_); }

 private:
  void AddShared(std::unique_ptr<Step> step, std::vector<Access> accesses);

  const sdk::HostBindings* bindings_;
  const kernels::KernelTable* kernels_;
  uint32_t workers_;
  std::vector<PlannedStep> steps_;
  PlannedStep current_;
  std::vector<uint64_t> scratch_bytes_;
  uint64_t worker_bytes_ = 0;
  using MakeRows = decltype(kernels::LinearKernel::make_rows);
  std::map<std::tuple<uint32_t, int64_t, MakeRows>, uint32_t> ready_rows_;  // (value, k, how) → scratch
  std::map<std::tuple<uint32_t, uint32_t, int64_t, float>, uint32_t>
      rope_tables_;                                               // (positions, inv_freq, pairs, factor)
  std::map<std::pair<uint32_t, int64_t>, uint32_t> expert_rows_;  // (ids, experts) → scratch
  std::vector<std::unique_ptr<std::vector<float>>> floats_;
};

}  // namespace concord::cpu
