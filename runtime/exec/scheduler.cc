#include "runtime/exec/scheduler.h"

#include <algorithm>

namespace concord::exec {

Scheduler::Scheduler(const Options& options) : options_(options), pool_(options.n_blocks) {
  step_.reserve(options.max_seqs);
}

void Scheduler::ReleaseBlocks(Sequence* sequence) {
  for (int32_t block : sequence->blocks) pool_.Release(block);
  sequence->blocks.clear();
  sequence->n_computed = 0;
}

void Scheduler::DropCancelled() {
  for (auto* list : {&waiting_, &running_}) {
    for (auto it = list->begin(); it != list->end();) {
      if (!(*it)->stream()->cancelled()) {
        ++it;
        continue;
      }
      ReleaseBlocks(it->get());
      (*it)->Finish(FinishReason::kCancelled);
      it = list->erase(it);
    }
  }
}

void Scheduler::Admit() {
  while (!waiting_.empty() && static_cast<int64_t>(running_.size()) < options_.max_seqs) {
    // Only with room for all it has so far, or what was put off for lack of blocks would come back at once.
    const auto tokens = static_cast<int64_t>(waiting_.front()->tokens().size());
    if (pool_.n_free() * options_.block_tokens <= tokens && !running_.empty()) break;
    waiting_.front()->blocks.reserve(options_.max_blocks);
    running_.splice(running_.end(), waiting_, waiting_.begin());
  }
}

bool Scheduler::PutOffYoungest(const Sequence* keep) {
  if (running_.empty() || running_.back().get() == keep) return false;
  Sequence* youngest = running_.back().get();
  const auto in_step = [&](const Share& s) { return s.sequence == youngest; };
  if (std::any_of(step_.begin(), step_.end(), in_step)) return false;  // already part of this step
  ReleaseBlocks(youngest);
  waiting_.splice(waiting_.begin(), running_, std::prev(running_.end()));
  return true;
}

bool Scheduler::Reserve(Sequence* sequence, int64_t tokens) {
  const int64_t want = (tokens + options_.block_tokens - 1) / options_.block_tokens;
  while (static_cast<int64_t>(sequence->blocks.size()) < want) {
    const int32_t block = pool_.Take();
    if (block >= 0) {
      sequence->blocks.push_back(block);
    } else if (!PutOffYoungest(sequence)) {
      return false;
    }
  }
  return true;
}

void Scheduler::AddToBatch(Sequence* sequence, int64_t count, StepBatch* batch) {
  int32_t output_row = -1;
  if (count == sequence->n_pending()) {
    output_row = static_cast<int32_t>(batch->output_rows.size());
    batch->output_rows.push_back(static_cast<int32_t>(batch->tokens.size() + count - 1));
  }
  batch->Add(sequence->tokens().data(), sequence->n_computed, count, sequence->blocks, options_.block_tokens);
  step_.push_back({sequence, count, output_row});
}

bool Scheduler::Plan(StepBatch* batch) {
  batch->Clear();
  step_.clear();
  DropCancelled();
  Admit();
  int64_t left = options_.max_tokens;
  // Twice over the running: first those that wait for one token, so that a long prompt does not hold them up.
  for (const bool prompts : {false, true}) {
    for (auto it = running_.begin(); it != running_.end() && left > 0;) {
      Sequence* sequence = (it++)->get();  // Reserve may move the last of the list away, never this one
      if ((sequence->n_pending() > 1) != prompts) continue;
      const auto in_step = [&](const Share& s) { return s.sequence == sequence; };
      if (std::any_of(step_.begin(), step_.end(), in_step)) continue;
      const int64_t count = std::min(sequence->n_pending(), left);
      const bool was_last = it == running_.end();
      const bool reserved = Reserve(sequence, sequence->n_computed + count);
      if (!was_last && running_.back().get() == sequence) it = running_.end();  // those behind it were put off
      if (!reserved) continue;
      AddToBatch(sequence, count, batch);
      left -= count;
    }
  }
  return !step_.empty();
}

void Scheduler::Finish(absl::Span<float* const> logits, int64_t n_vocab) {
  for (const Share& share : step_) {
    share.sequence->n_computed += share.count;
    if (share.output_row < 0) continue;
    if (share.sequence->Advance({logits[share.output_row], static_cast<size_t>(n_vocab)})) continue;
    ReleaseBlocks(share.sequence);
    running_.remove_if([&](const std::unique_ptr<Sequence>& s) { return s.get() == share.sequence; });
  }
  step_.clear();
}

void Scheduler::FailAll(const absl::Status& status, FinishReason reason) {
  for (auto* list : {&running_, &waiting_}) {
    for (const auto& sequence : *list) {
      ReleaseBlocks(sequence.get());
      sequence->Finish(reason, status);
    }
    list->clear();
  }
  step_.clear();
}

}  // namespace concord::exec
