#include "runtime/exec/engine.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <new>
#include <system_error>

#include "absl/strings/str_format.h"
#include "runtime/text/utf8.h"

namespace concord::exec {
namespace {

double Seconds(std::chrono::steady_clock::duration d) { return std::chrono::duration<double>(d).count(); }

// Made before memory runs out: there may be none left for the message.
const absl::Status& OutOfMemory() {
  static const auto* status = new absl::Status(absl::ResourceExhaustedError("out of memory in the middle of a step"));
  return *status;
}

// The engine's thread has nobody above it who could catch: what is thrown there ends the process.
template <typename Body>
absl::Status NothingThrown(Body&& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  } catch (const std::exception&) {
    return absl::InternalError("a step threw an exception");
  }
}

// A tokenizer would take the bytes one by one; whoever sends them has the wrong encoding, and should hear of it.
absl::Status CheckUtf8(absl::string_view prompt) {
  for (size_t at = 0; at < prompt.size();) {
    const text::Utf8Char c = text::FirstChar(prompt.substr(at));
    if (c.size == 0) {
      return absl::InvalidArgumentError(absl::StrFormat(
          "the prompt is not UTF-8: byte 0x%02X at offset %d begins no character; convert it, for example "
          "with iconv -f LATIN1 -t UTF-8",
          static_cast<unsigned char>(prompt[at]), at));
    }
    at += c.size;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<EngineCore>> EngineCore::Create(std::shared_ptr<const LoadedModel> model,
                                                               const EngineOptions& options) {
  const TraceScope scope(model->tracer(), "create engine");
  CONCORD_ASSIGN_OR_RETURN(const StepCapacities c, CapacitiesFor(options, model->context_tokens()));
  (void)OutOfMemory();
  auto core = std::shared_ptr<EngineCore>(new EngineCore);
  core->model_ = model;
  CONCORD_ASSIGN_OR_RETURN(core->runner_, StepRunner::Create(model, c));
  core->scheduler_ = std::make_unique<Scheduler>(
      Scheduler::Options{c.n_tokens, c.n_seqs, model->block_tokens(), c.max_blocks, static_cast<int32_t>(c.n_blocks)});
  core->batch_.Reserve(c.n_tokens, c.n_seqs, c.n_outputs, c.max_blocks);
  core->score_rows_ = std::min(kScoreRows, c.n_tokens);
  core->stats_.prepares = core->runner_->prepares();
  try {
    core->thread_ = std::thread([raw = core.get()] { raw->Loop(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot start the engine's thread: ", error.what(),
                                                     "; raise the limit on processes or memory (ulimit -u, -v)"));
  }
  return core;
}

EngineCore::~EngineCore() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

absl::StatusOr<std::shared_ptr<StreamState>> EngineCore::Submit(const Request& request) {
  const int64_t context = model_->context_tokens();
  CONCORD_RETURN_IF_ERROR(Sampler::Check(request.sampling, model_->n_vocab()));
  std::vector<int32_t> prompt = request.prompt_tokens;
  if (prompt.empty()) {
    CONCORD_RETURN_IF_ERROR(CheckUtf8(request.prompt));
    CONCORD_ASSIGN_OR_RETURN(prompt, model_->Tokenize(request.prompt, request.add_bos, request.parse_special));
  }
  if (prompt.empty()) {
    return absl::InvalidArgumentError(
        "the prompt is empty and this model has no token to begin with; give it some text");
  }
  for (int32_t id : prompt) {
    if (id >= 0 && id < model_->n_vocab()) continue;
    return absl::InvalidArgumentError(absl::StrCat("the prompt has token ", id, ", want 0 to ", model_->n_vocab() - 1));
  }
  if (static_cast<int64_t>(prompt.size()) >= context) {
    return absl::OutOfRangeError(
        absl::StrCat("the prompt has ", prompt.size(), " tokens, but the context holds ", context,
                     " with at least one for the answer; shorten it, or load with a larger context"));
  }
  if (request.max_tokens < -1) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_tokens is ", request.max_tokens, ", want -1 (no limit) or more"));
  }
  auto sequence = std::make_unique<Sequence>(request, std::move(prompt), model_->tokenizer(), context);
  std::shared_ptr<StreamState> stream = sequence->stream();
  if (request.max_tokens == 0) return sequence->Finish(FinishReason::kMaxTokens), stream;
  std::lock_guard<std::mutex> lock(mutex_);
  incoming_.push_back(std::move(sequence));
  wake_.notify_all();
  return stream;
}

absl::Status EngineCore::Score(const std::vector<int32_t>& tokens, const ScoreFn& on_rows) {
  if (tokens.empty()) return absl::InvalidArgumentError("score: no tokens");
  if (static_cast<int64_t>(tokens.size()) > model_->context_tokens()) {
    return absl::OutOfRangeError(
        absl::StrCat("score: ", tokens.size(), " tokens, but the context holds ", model_->context_tokens()));
  }
  for (int32_t id : tokens) {
    if (id < 0 || id >= model_->n_vocab()) {
      return absl::InvalidArgumentError(absl::StrCat("score: token ", id, ", want 0 to ", model_->n_vocab() - 1));
    }
  }
  ScoreJob job{&tokens, &on_rows, absl::OkStatus(), false};
  std::unique_lock<std::mutex> lock(mutex_);
  score_jobs_.push_back(&job);
  wake_.notify_all();
  scored_.wait(lock, [&] { return job.done; });
  return job.status;
}

EngineStats EngineCore::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

// Until there is something to do.
void EngineCore::Sleep(std::unique_lock<std::mutex>& lock) {
  const auto awake = [&] { return stopping_ || !incoming_.empty() || !score_jobs_.empty() || !scheduler_->idle(); };
  if (awake()) return;
  const TraceScope scope(model_->tracer(), "idle");
  wake_.wait(lock, awake);
}

void EngineCore::Loop() {
  if (model_->tracer() != nullptr) model_->tracer()->NameThread("engine");
  while (true) {
    ScoreJob* job = nullptr;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      Sleep(lock);
      if (stopping_) break;
      while (!incoming_.empty()) {
        scheduler_->Add(std::move(incoming_.front()));
        incoming_.pop_front();
      }
      if (scheduler_->idle() && !score_jobs_.empty()) {
        job = score_jobs_.front();
        score_jobs_.pop_front();
      }
    }
    if (job == nullptr) {
      Step();
      continue;
    }
    job->status = NothingThrown([&] { return RunScore(*job); });
    std::lock_guard<std::mutex> lock(mutex_);
    job->done = true;
    scored_.notify_all();
  }
  Stop();
}

void EngineCore::Stop() {
  std::lock_guard<std::mutex> lock(mutex_);
  while (!incoming_.empty()) {
    scheduler_->Add(std::move(incoming_.front()));
    incoming_.pop_front();
  }
  scheduler_->FailAll(absl::OkStatus(), FinishReason::kCancelled);
  for (ScoreJob* job : score_jobs_) job->status = absl::CancelledError("the engine was stopped"), job->done = true;
  score_jobs_.clear();
  scored_.notify_all();
}

void EngineCore::Step() {
  Tracer* const tracer = model_->tracer();
  const auto begin = std::chrono::steady_clock::now();
  auto planned = begin, computed = begin;
  const absl::Status status = NothingThrown([&]() -> absl::Status {
    TraceScope step(tracer, "step");
    if (!Traced(tracer, "plan", [&] { return scheduler_->Plan(&batch_); })) return absl::OkStatus();
    step.slice.tokens = static_cast<int32_t>(batch_.tokens.size());
    step.slice.sequences = static_cast<int32_t>(batch_.kv_len.size());
    planned = std::chrono::steady_clock::now();
    CONCORD_RETURN_IF_ERROR(Traced(tracer, "compute", [&] { return runner_->Run(batch_); }));
    computed = std::chrono::steady_clock::now();
    Traced(tracer, "sample", [&] { scheduler_->Finish(runner_->logits(), model_->n_vocab()); });
    return absl::OkStatus();
  });
  DrainTrace();
  if (!status.ok()) scheduler_->FailAll(status, FinishReason::kError);
  if (planned == begin) return;  // there was nothing to do
  std::lock_guard<std::mutex> lock(mutex_);
  ++stats_.steps;
  stats_.tokens += static_cast<int64_t>(batch_.tokens.size());
  stats_.prepares = runner_->prepares();
  stats_.off_device_seconds = runner_->off_device_seconds();
  computed = std::max(computed, planned);
  stats_.device_seconds += Seconds(computed - planned);
  stats_.host_seconds += Seconds(planned - begin) + Seconds(std::chrono::steady_clock::now() - computed);
}

// What the devices have recorded of a step is fetched when its tokens are handed out already.
void EngineCore::DrainTrace() {
  if (model_->tracer() == nullptr) return;
  (void)NothingThrown([&] { return model_->tracer()->Drain(), absl::OkStatus(); });
}

absl::Status EngineCore::RunScore(const ScoreJob& job) {
  // Nothing else runs, so the whole pool is free: blocks in order.
  const auto n = static_cast<int64_t>(job.tokens->size()), block_tokens = model_->block_tokens();
  std::vector<int32_t> blocks((n + block_tokens - 1) / block_tokens);
  for (size_t b = 0; b < blocks.size(); ++b) blocks[b] = static_cast<int32_t>(b);
  for (int64_t first = 0; first < n; first += score_rows_) {
    const int64_t count = std::min(score_rows_, n - first);
    batch_.Clear();
    batch_.Add(job.tokens->data(), first, count, blocks, block_tokens);
    for (int64_t r = 0; r < count; ++r) batch_.output_rows.push_back(static_cast<int32_t>(r));
    CONCORD_RETURN_IF_ERROR(Traced(model_->tracer(), "score", [&] { return runner_->Run(batch_); }));
    DrainTrace();
    // Too few tokens to be cut: their logits lie one after the other.
    if (!(*job.on_rows)(first, count, runner_->logits()[0])) return absl::OkStatus();
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return absl::CancelledError("the engine was stopped");
  }
  return absl::OkStatus();
}

}  // namespace concord::exec

namespace concord {

absl::StatusOr<Engine> Engine::Create(const Model& model, const EngineOptions& options) {
  auto impl = std::make_shared<Impl>();
  CONCORD_ASSIGN_OR_RETURN(impl->core, exec::EngineCore::Create(model.impl()->loaded, options));
  return Engine(std::move(impl));
}

absl::StatusOr<Stream> Engine::Generate(const Request& request) {
  CONCORD_ASSIGN_OR_RETURN(std::shared_ptr<exec::StreamState> state, impl_->core->Submit(request));
  return Stream(std::make_shared<Stream::Impl>(std::move(state), impl_));
}

EngineStats Engine::stats() const { return impl_->core->stats(); }

absl::Status Engine::Score(const std::vector<int32_t>& tokens,
                           const std::function<bool(int64_t first, int64_t count, const float* logits)>& on_rows) {
  return impl_->core->Score(tokens, on_rows);
}

}  // namespace concord
