#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "concord/concord.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/exec/scheduler.h"
#include "runtime/exec/step_runner.h"

namespace concord::exec {

// Sequences on the devices of a model: a scheduler that plans their steps and the runner that computes them. One
// thread.
class Stage {
 public:
  // `prompts_only` as in Scheduler::Options, `beside` as in StepRunner::Create.
  static absl::StatusOr<std::unique_ptr<Stage>> Create(std::shared_ptr<const LoadedModel> model,
                                                       const StepCapacities& capacities, bool prompts_only,
                                                       const StepRunner* beside = nullptr);

  Scheduler& scheduler() { return *scheduler_; }
  const StepRunner& runner() const { return *runner_; }

  // Plans a step, computes it and hands out its tokens; a failure ends all sequences. Adds what it took to `spent`.
  // False: there was nothing to do.
  bool Step(EngineStats* spent);
  // Logits of every position, while the scheduler is idle; `stopped` is asked between steps.
  absl::Status Score(const std::vector<int32_t>& tokens,
                     const std::function<bool(int64_t first, int64_t count, const float* logits)>& on_rows,
                     const std::function<bool()>& stopped);

 private:
  Stage() = default;
  void DrainTrace();

  std::shared_ptr<const LoadedModel> model_;
  std::unique_ptr<StepRunner> runner_;
  std::unique_ptr<Scheduler> scheduler_;
  StepBatch batch_;
  int64_t score_rows_ = 1;
};

// Adds counts and times; `prepares` too.
void AddTo(EngineStats* total, const EngineStats& more);

}  // namespace concord::exec
