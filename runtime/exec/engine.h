#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "concord/concord.h"
#include "runtime/exec/decode_side.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/exec/stage.h"

namespace concord::exec {

// The engine behind concord::Engine: one thread that plans steps, runs them and hands out tokens. Where the model
// answers on other devices than it reads prompts on, sequences leave it for the DecodeSide after their first token.
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
  absl::Status MakeDecodeSide(const EngineOptions& options);
  void Loop();
  bool HasNews() const;
  void TakeNews();
  bool Step();
  void Sleep(std::unique_lock<std::mutex>& lock, bool busy);
  void Stop();
  absl::Status RunScore(const ScoreJob& job);
  void Spend(const EngineStats& spent);

  std::shared_ptr<const LoadedModel> model_;
  std::unique_ptr<Stage> stage_;        // of the engine's thread
  std::unique_ptr<DecodeSide> decode_;  // null: `stage_` does it all
  // Shared, under mutex_:
  mutable std::mutex mutex_;
  std::condition_variable wake_, scored_;
  std::deque<std::unique_ptr<Sequence>> incoming_, put_off_;
  std::vector<int32_t> freed_;  // KV blocks of the stage
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
