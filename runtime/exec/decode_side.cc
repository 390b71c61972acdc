#include "runtime/exec/decode_side.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_format.h"
#include "runtime/exec/engine_thread.h"

namespace concord::exec {
namespace {

// A step here has one token of each sequence, but for those that were put off: their answers are computed again in
// pieces of this.
constexpr int64_t kAgainTokens = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<DecodeSide>> DecodeSide::Create(std::shared_ptr<const LoadedModel> model,
                                                               const EngineOptions& options, const StepRunner& prefill,
                                                               Callbacks callbacks) {
  CONCORD_ASSIGN_OR_RETURN(StepCapacities c, CapacitiesFor(options, model->context_tokens(), model->block_tokens()));
  c.n_tokens = std::max(c.n_seqs, std::min(c.n_tokens, kAgainTokens));
  c.n_outputs = c.n_seqs;
  auto side = std::unique_ptr<DecodeSide>(new DecodeSide);
  side->model_ = model;
  side->prefill_ = std::move(callbacks);
  CONCORD_ASSIGN_OR_RETURN(side->stage_, Stage::Create(model, c, /*prompts_only=*/false, &prefill));
  CONCORD_ASSIGN_OR_RETURN(side->handover_,
                           KvHandover::Create(prefill, side->stage_->runner(), model->context_tokens()));
  side->prefill_.spend({.prepares = side->stage_->runner().prepares()});
  CONCORD_ASSIGN_OR_RETURN(side->stepper_, StartThread([raw = side.get()] { raw->StepLoop(); }));
  CONCORD_ASSIGN_OR_RETURN(side->copier_, StartThread([raw = side.get()] { raw->CopyLoop(); }));
  return side;
}

void DecodeSide::Take(std::unique_ptr<Sequence> sequence) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) return sequence->Finish(FinishReason::kCancelled);
  Passage& passage = offered_.emplace_back();
  passage.from = std::move(sequence->blocks);
  sequence->blocks = {};
  passage.sequence = std::move(sequence);
  news_ = true;
  changed_.notify_all();
}

void DecodeSide::Cancel(std::deque<Passage>* passages) {
  for (const Passage& passage : *passages) passage.sequence->Finish(FinishReason::kCancelled);
  passages->clear();
}

void DecodeSide::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  for (std::thread* thread : {&stepper_, &copier_}) {
    if (thread->joinable()) thread->join();
  }
  std::lock_guard<std::mutex> lock(mutex_);
  for (auto* passages : {&offered_, &admitted_, &arrived_}) Cancel(passages);
  if (stage_ != nullptr) stage_->scheduler().FailAll(absl::OkStatus(), FinishReason::kCancelled);
}

// Under the lock: takes up what has arrived, then gives room to what is offered, in its order.
void DecodeSide::TakeNews() {
  news_ = false;
  Scheduler& scheduler = stage_->scheduler();
  for (; !arrived_.empty(); arrived_.pop_front()) {
    Passage& passage = arrived_.front();
    if (passage.status.ok()) {
      scheduler.Join(std::move(passage.sequence));
    } else {
      scheduler.Forgo(passage.sequence.get());
      passage.sequence->Finish(FinishReason::kError, passage.status);
    }
  }
  for (; !offered_.empty() && scheduler.MakeRoom(offered_.front().sequence.get()); offered_.pop_front()) {
    admitted_.push_back(std::move(offered_.front()));
    changed_.notify_all();
  }
}

void DecodeSide::StepLoop() {
  if (model_->tracer() != nullptr) model_->tracer()->NameThread("answers");
  bool busy = false;
  while (true) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || busy || news_; });
      if (stopping_) return;
      TakeNews();
    }
    EngineStats spent;
    // Where all blocks are with sequences that are still on their way, the next to arrive is news.
    busy = stage_->Step(&spent);
    if (busy) prefill_.spend(spent);
    while (std::unique_ptr<Sequence> put_off = stage_->scheduler().TakePutOff()) prefill_.put_off(std::move(put_off));
  }
}

absl::Status DecodeSide::Copy(const Passage& passage) {
  if (passage.sequence->stream()->cancelled()) return absl::OkStatus();  // it ends with the next step
  const auto begin = std::chrono::steady_clock::now();
  const int64_t tokens = passage.sequence->n_prompt(), bytes = tokens * handover_->bytes_per_token();
  TraceScope scope(model_->tracer(), "hand-over");
  scope.slice.tokens = static_cast<int32_t>(tokens);
  scope.slice.bytes = bytes;
  CONCORD_RETURN_IF_ERROR(handover_->Move(tokens, passage.from, passage.sequence->blocks));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  prefill_.spend({.handovers = 1, .handover_bytes = bytes, .handover_seconds = seconds});
  model_->device().instance().host().Log(LogLevel::kDebug,
                                         absl::StrFormat("KV of %d tokens handed over to %s: %d KiB in %.3f ms", tokens,
                                                         model_->info().device, bytes >> 10, seconds * 1e3));
  return absl::OkStatus();
}

void DecodeSide::CopyLoop() {
  if (model_->tracer() != nullptr) model_->tracer()->NameThread("hand-over");
  while (true) {
    Passage passage;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !admitted_.empty(); });
      if (stopping_) return;
      passage = std::move(admitted_.front());
      admitted_.pop_front();
    }
    passage.status = NothingThrown([&] { return Copy(passage); });
    prefill_.release(passage.from);
    std::lock_guard<std::mutex> lock(mutex_);
    arrived_.push_back(std::move(passage));
    news_ = true;
    changed_.notify_all();
  }
}

}  // namespace concord::exec
