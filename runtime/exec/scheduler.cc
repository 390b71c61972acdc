#include "runtime/exec/scheduler.h"

#include <algorithm>

namespace concord::exec {

Scheduler::Scheduler(const Options& options) : options_(options), pool_(options.n_blocks) {
  step_.reserve(options.max_seqs);
}

std::unique_ptr<Sequence> Scheduler::TakeFrom(Sequences* list) {
  if (list->empty()) return nullptr;
  std::unique_ptr<Sequence> sequence = std::move(list->back());
  list->pop_back();
  return sequence;
}

int64_t Scheduler::Goal(const Sequence& sequence) const {
  return options_.prompts_only ? sequence.n_prompt() : static_cast<int64_t>(sequence.tokens().size());
}

void Scheduler::Release(const std::vector<int32_t>& blocks) {
  for (int32_t block : blocks) pool_.Release(block);
}

void Scheduler::ReleaseBlocks(Sequence* sequence) {
  Release(sequence->blocks);
  sequence->blocks.clear();
  sequence->n_computed = 0;
}

// And for one token more, or what was put off for lack of blocks would come back at once.
bool Scheduler::HasRoomFor(int64_t tokens) const { return pool_.n_free() * options_.block_tokens > tokens; }

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
    if (!HasRoomFor(Goal(*waiting_.front())) && !running_.empty()) break;
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
  // A prompt that is computed again has its first token already.
  const bool has_next = options_.prompts_only && static_cast<int64_t>(sequence->tokens().size()) > sequence->n_prompt();
  if (count == Pending(*sequence) && !has_next) {
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
      if ((Pending(*sequence) > 1) != prompts) continue;
      const auto in_step = [&](const Share& s) { return s.sequence == sequence; };
      if (std::any_of(step_.begin(), step_.end(), in_step)) continue;
      const int64_t count = std::min(Pending(*sequence), left);
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
    Sequence& sequence = *share.sequence;
    sequence.n_computed += share.count;
    const bool goes_on =
        share.output_row < 0 || sequence.Advance({logits[share.output_row], static_cast<size_t>(n_vocab)});
    if (goes_on && !(options_.prompts_only && Pending(sequence) == 0)) continue;
    const auto it = std::find_if(running_.begin(), running_.end(), [&](const auto& s) { return s.get() == &sequence; });
    if (goes_on) {
      computed_.splice(computed_.begin(), running_, it);  // taken from the back
    } else {
      ReleaseBlocks(&sequence);
      running_.erase(it);
    }
  }
  step_.clear();
}

bool Scheduler::MakeRoom(Sequence* sequence) {
  const auto tokens = static_cast<int64_t>(sequence->tokens().size());
  if (static_cast<int64_t>(running_.size()) + joining_ >= options_.max_seqs || !HasRoomFor(tokens)) return false;
  sequence->blocks.reserve(options_.max_blocks);
  if (!Reserve(sequence, tokens)) return false;
  ++joining_;
  return true;
}

void Scheduler::Join(std::unique_ptr<Sequence> sequence) {
  --joining_;
  sequence->n_computed = sequence->n_prompt();
  running_.push_back(std::move(sequence));
}

void Scheduler::Forgo(Sequence* sequence) {
  --joining_;
  ReleaseBlocks(sequence);
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
