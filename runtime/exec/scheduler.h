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
// Two of them share the work where prompts are computed on one device and answers on another (DecodeSide): the first
// lets sequences go once their prompts are computed, the second takes them up and lets those go that it puts off, whose
// prompts then have to be computed again. One thread.
class Scheduler {
 public:
  struct Options {
    int64_t max_tokens = 512;  // a step
    int64_t max_seqs = 16;     // running at once
    int64_t block_tokens = 32;
    int64_t max_blocks = 1;  // a sequence
    int32_t n_blocks = 1;    // the pool
    bool prompts_only = false;
  };
  explicit Scheduler(const Options& options);

  void Add(std::unique_ptr<Sequence> sequence) { waiting_.push_back(std::move(sequence)); }
  bool idle() const { return waiting_.empty() && running_.empty() && pool_.all_free(); }

  // Fills `batch` with the next step; false when there is nothing to do. Ends cancelled sequences.
  bool Plan(StepBatch* batch);
  // Takes up the results of the step that Plan made: the logits of each output row.
  void Finish(absl::Span<float* const> logits, int64_t n_vocab);
  // Ends every sequence: the device failed, or the engine stops.
  void FailAll(const absl::Status& status, FinishReason reason);

  // With prompts_only: the next sequence that goes on elsewhere, its first token chosen; null: none. Its blocks stay
  // taken until they are released.
  std::unique_ptr<Sequence> TakeComputed() { return TakeFrom(&computed_); }
  void Release(const std::vector<int32_t>& blocks);
  // One that was put off elsewhere: before those that have not begun.
  void AddPutOff(std::unique_ptr<Sequence> sequence) { waiting_.push_front(std::move(sequence)); }

  // For a sequence whose prompt was computed elsewhere: takes blocks for all that it has so far, without putting
  // anybody off. False: there is no room now. What has room either joins, its prompt's keys in place, or forgoes.
  bool MakeRoom(Sequence* sequence);
  void Join(std::unique_ptr<Sequence> sequence);
  void Forgo(Sequence* sequence);
  // The next of those that this scheduler put off, youngest first; null: none. For sequences that begin elsewhere.
  std::unique_ptr<Sequence> TakePutOff() { return TakeFrom(&waiting_); }

 private:
  using Sequences = std::list<std::unique_ptr<Sequence>>;
  struct Share {
    Sequence* sequence;
    int64_t count;       // tokens computed by this step
    int32_t output_row;  // among the outputs; -1: a prompt that goes on
  };
  static std::unique_ptr<Sequence> TakeFrom(Sequences* list);
  // Tokens that this scheduler has to compute for a sequence before it ends or leaves, as far as they are known.
  int64_t Goal(const Sequence& sequence) const;
  int64_t Pending(const Sequence& sequence) const { return Goal(sequence) - sequence.n_computed; }
  bool HasRoomFor(int64_t tokens) const;
  void DropCancelled();
  void Admit();
  // Makes room for `tokens` tokens; may put off sequences younger than this one. False: this one must wait.
  bool Reserve(Sequence* sequence, int64_t tokens);
  bool PutOffYoungest(const Sequence* keep);
  void ReleaseBlocks(Sequence* sequence);
  void AddToBatch(Sequence* sequence, int64_t count, StepBatch* batch);

  Options options_;
  BlockPool pool_;
  Sequences waiting_, running_;  // in order of arrival
  Sequences computed_;           // with prompts_only: about to leave
  int64_t joining_ = 0;          // that have room
  std::vector<Share> step_;
};

}  // namespace concord::exec
