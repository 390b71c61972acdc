#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "runtime/exec/block_pool.h"
#include "runtime/exec/sequence.h"
#include "runtime/exec/step_batch.h"

namespace concord::exec {

// Decides what each step computes: every running sequence that waits for its next token, then pieces of prompts as far
// as the step's tokens go. KV blocks are taken as sequences grow; when none are left the youngest sequence gives its
// own back and is computed again later (its tokens come out the same: results do not depend on the batch).
// One thread.
class Scheduler {
 public:
  struct Options {
    int64_t max_tokens = 512;  // a step
    int64_t max_seqs = 16;     // running at once
    int64_t block_tokens = 32;
    int64_t max_blocks = 1;  // a sequence
    int32_t n_blocks = 1;    // the pool
  };
  explicit Scheduler(const Options& options);

  void Add(std::unique_ptr<Sequence> sequence) { waiting_.push_back(std::move(sequence)); }
  bool idle() const { return waiting_.empty() && running_.empty(); }

  // Fills `batch` with the next step; false when there is nothing to do. Ends cancelled sequences.
  bool Plan(StepBatch* batch);
  // Takes up the results of the step that Plan made: the logits of each output row.
  void Finish(absl::Span<float* const> logits, int64_t n_vocab);
  // Ends every sequence: the device failed, or the engine stops.
  void FailAll(const absl::Status& status, FinishReason reason);

 private:
  struct Share {
    Sequence* sequence;
    int64_t count;       // tokens computed by this step
    int32_t output_row;  // among the outputs; -1: a prompt that goes on
  };
  void DropCancelled();
  void Admit();
  // Makes room for `tokens` tokens; may put off sequences younger than this one. False: this one must wait.
  bool Reserve(Sequence* sequence, int64_t tokens);
  bool PutOffYoungest(const Sequence* keep);
  void ReleaseBlocks(Sequence* sequence);
  void AddToBatch(Sequence* sequence, int64_t count, StepBatch* batch);

  Options options_;
  BlockPool pool_;
  std::list<std::unique_ptr<Sequence>> waiting_, running_;  // in order of arrival
  std::vector<Share> step_;
};

}  // namespace concord::exec
