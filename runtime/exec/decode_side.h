#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/exec/kv_handover.h"
#include "runtime/exec/stage.h"

namespace concord::exec {

// The second half of an engine that computes prompts on one device and answers on another: takes sequences whose prompt
// is computed, brings their KV over and goes on with them here. What it puts off for lack of blocks goes back, for its
// prompt to be computed again there; the tokens after the prompt are computed again here, so that a token is always
// computed by the same device, and comes out the same.
//
// Two threads: one computes steps and owns the blocks here, one copies. So the steps of both sides and the copies of a
// hand-over run at the same time, as far as the devices let them.
class DecodeSide {
 public:
  // To the other half. Called from both threads, none of which holds a lock then.
  struct Callbacks {
    std::function<void(const std::vector<int32_t>& blocks)> release;  // of the prefill side, no longer read
    std::function<void(std::unique_ptr<Sequence>)> put_off;
    std::function<void(const EngineStats& spent)> spend;
  };

  // `prefill` outlives this.
  static absl::StatusOr<std::unique_ptr<DecodeSide>> Create(std::shared_ptr<const LoadedModel> model,
                                                            const EngineOptions& options, const StepRunner& prefill,
                                                            Callbacks callbacks);
  ~DecodeSide() { Stop(); }

  // A sequence whose prompt's KV lies in its blocks, those of the prefill side. Any thread.
  void Take(std::unique_ptr<Sequence> sequence);
  // Ends all sequences, and those that are still to come, as cancelled.
  void Stop();

 private:
  // A sequence on its way.
  struct Passage {
    std::unique_ptr<Sequence> sequence;  // with blocks of this side, once it has room
    std::vector<int32_t> from;           // its blocks on the prefill side
    absl::Status status;                 // of the copy
  };
  DecodeSide() = default;
  void StepLoop();
  void TakeNews();
  void CopyLoop();
  absl::Status Copy(const Passage& passage);
  static void Cancel(std::deque<Passage>* passages);

  std::shared_ptr<const LoadedModel> model_;
  Callbacks prefill_;
  std::unique_ptr<Stage> stage_;          // of the thread that steps
  std::unique_ptr<KvHandover> handover_;  // of the thread that copies; before the stage, whose memory it uses, is gone

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Passage> offered_, admitted_, arrived_;  // without room here; to be copied; copied
  bool news_ = false;                                 // for the thread that steps
  bool stopping_ = false;
  std::thread stepper_, copier_;
};

}  // namespace concord::exec
