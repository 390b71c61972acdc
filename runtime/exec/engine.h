#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "concord/concord.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/exec/scheduler.h"
#include "runtime/exec/step_runner.h"

namespace concord::exec {

// The engine behind concord::Engine: one thread that plans steps, runs them and hands out tokens.
class EngineCore {
 public:
  using ScoreFn = std::function<bool(int64_t first, int64_t count, const float* logits)>;

  static absl::StatusOr<std::shared_ptr<EngineCore>> Create(std::shared_ptr<const LoadedModel> model,
                                                            const EngineOptions& options);
  ~EngineCore();  // ends all requests as cancelled

  absl::StatusOr<std::shared_ptr<StreamState>> Submit(const Request& request);
  absl::Status Score(const std::vector<int32_t>& tokens, const ScoreFn& on_rows);
  EngineStats stats() const;

 private:
  struct ScoreJob {
    const std::vector<int32_t>* tokens;
    const ScoreFn* on_rows;
    absl::Status status;
    bool done;
  };
  EngineCore() = default;
  void Loop();
  void Sleep(std::unique_lock<std::mutex>& lock);
  void Step();
  void Stop();
  void DrainTrace();
  absl::Status RunScore(const ScoreJob& job);

  std::shared_ptr<const LoadedModel> model_;
  // Of the engine's thread:
  std::unique_ptr<StepRunner> runner_;
  std::unique_ptr<Scheduler> scheduler_;
  StepBatch batch_;
  int64_t score_rows_ = 1;
  // Shared, under mutex_:
  mutable std::mutex mutex_;
  std::condition_variable wake_, scored_;
  std::deque<std::unique_ptr<Sequence>> incoming_;
  std::deque<ScoreJob*> score_jobs_;
  EngineStats stats_;
  bool stopping_ = false;
  std::thread thread_;  // last: it starts when all the rest is there
};

}  // namespace concord::exec

namespace concord {

struct Engine::Impl {
  std::shared_ptr<exec::EngineCore> core;
};

}  // namespace concord
