#include "runtime/exec/stage.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/exec/engine_thread.h"

namespace concord::exec {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

void AddTo(EngineStats* total, const EngineStats& more) {
  total->steps += more.steps;
  total->prepares += more.prepares;
  total->tokens += more.tokens;
  total->host_seconds += more.host_seconds;
  total->device_seconds += more.device_seconds;
  total->off_device_seconds += more.off_device_seconds;
  total->handovers += more.handovers;
  total->handover_bytes += more.handover_bytes;
  total->handover_seconds += more.handover_seconds;
}

absl::StatusOr<std::unique_ptr<Stage>> Stage::Create(std::shared_ptr<const LoadedModel> model, const StepCapacities& c,
                                                     bool prompts_only, const StepRunner* beside) {
  auto stage = std::unique_ptr<Stage>(new Stage);
  stage->model_ = std::move(model);
  CONCORD_ASSIGN_OR_RETURN(stage->runner_, StepRunner::Create(stage->model_, c, beside));
  stage->scheduler_ = std::make_unique<Scheduler>(Scheduler::Options{.max_tokens = c.n_tokens,
                                                                     .max_seqs = c.n_seqs,
                                                                     .block_tokens = stage->model_->block_tokens(),
                                                                     .max_blocks = c.max_blocks,
                                                                     .n_blocks = static_cast<int32_t>(c.n_blocks),
                                                                     .prompts_only = prompts_only});
  stage->batch_.Reserve(c.n_tokens, c.n_seqs, c.n_outputs, c.max_blocks);
  stage->score_rows_ = std::min(kScoreRows, c.n_tokens);
  return stage;
}

// What the devices have recorded of a step is fetched when its tokens are handed out already.
void Stage::DrainTrace() {
  if (model_->tracer() == nullptr) return;
  (void)NothingThrown([&] { return model_->tracer()->Drain(), absl::OkStatus(); });
}

bool Stage::Step(EngineStats* spent) {
  if (scheduler_->idle()) return false;
  const auto begin = Clock::now();
  const double off_device = runner_->off_device_seconds();
  auto planned = begin, computed = begin;
  Tracer* const tracer = model_->tracer();
  const absl::Status status = NothingThrown([&]() -> absl::Status {
    TraceScope step(tracer, "step");
    if (!Traced(tracer, "plan", [&] { return scheduler_->Plan(&batch_); })) return step.Forget(), absl::OkStatus();
    step.slice.tokens = static_cast<int32_t>(batch_.tokens.size());
    step.slice.sequences = static_cast<int32_t>(batch_.kv_len.size());
    planned = Clock::now();
    CONCORD_RETURN_IF_ERROR(Traced(tracer, "compute", [&] { return runner_->Run(batch_); }));
    computed = Clock::now();
    Traced(tracer, "sample", [&] { scheduler_->Finish(runner_->logits(), model_->n_vocab()); });
    return absl::OkStatus();
  });
  DrainTrace();
  if (!status.ok()) scheduler_->FailAll(status, FinishReason::kError);
  if (planned == begin) return false;
  computed = std::max(computed, planned);
  AddTo(spent, {.steps = 1,
                .tokens = static_cast<int64_t>(batch_.tokens.size()),
                .host_seconds = Seconds(planned - begin) + Seconds(Clock::now() - computed),
                .device_seconds = Seconds(computed - planned),
                .off_device_seconds = runner_->off_device_seconds() - off_device});
  return true;
}

absl::Status Stage::Score(const std::vector<int32_t>& tokens,
                          const std::function<bool(int64_t, int64_t, const float*)>& on_rows,
                          const std::function<bool()>& stopped) {
  // Nothing else runs, so the whole pool is free: blocks in order.
  const auto n = static_cast<int64_t>(tokens.size()), block_tokens = model_->block_tokens();
  std::vector<int32_t> blocks((n + block_tokens - 1) / block_tokens);
  for (size_t b = 0; b < blocks.size(); ++b) blocks[b] = static_cast<int32_t>(b);
  for (int64_t first = 0; first < n; first += score_rows_) {
    const int64_t count = std::min(score_rows_, n - first);
    batch_.Clear();
    batch_.Add(tokens.data(), first, count, blocks, block_tokens);
    for (int64_t r = 0; r < count; ++r) batch_.output_rows.push_back(static_cast<int32_t>(r));
    CONCORD_RETURN_IF_ERROR(Traced(model_->tracer(), "score", [&] { return runner_->Run(batch_); }));
    DrainTrace();
    // Too few tokens to be cut: their logits lie one after the other.
    if (!on_rows(first, count, runner_->logits()[0])) return absl::OkStatus();
    if (stopped()) return absl::CancelledError("the engine was stopped");
  }
  return absl::OkStatus();
}

}  // namespace concord::exec
