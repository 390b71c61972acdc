#include "runtime/exec/engine.h"

#include "absl/strings/str_format.h"
#include "runtime/exec/engine_thread.h"
#include "runtime/text/utf8.h"

namespace concord::exec {
namespace {

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
  CONCORD_ASSIGN_OR_RETURN(const StepCapacities c,
                           CapacitiesFor(options, model->context_tokens(), model->block_tokens()));
  auto core = std::shared_ptr<EngineCore>(new EngineCore);
  core->model_ = model;
  CONCORD_ASSIGN_OR_RETURN(core->stage_, Stage::Create(model, c, model->decoder() != nullptr));
  core->stats_.prepares = core->stage_->runner().prepares();
  if (model->decoder() != nullptr) CONCORD_RETURN_IF_ERROR(core->MakeDecodeSide(options));
  CONCORD_ASSIGN_OR_RETURN(core->thread_, StartThread([raw = core.get()] { raw->Loop(); }));
  return core;
}

absl::Status EngineCore::MakeDecodeSide(const EngineOptions& options) {
  DecodeSide::Callbacks callbacks;
  callbacks.release = [this](const std::vector<int32_t>& blocks) {
    std::lock_guard<std::mutex> lock(mutex_);
    freed_.insert(freed_.end(), blocks.begin(), blocks.end());
    wake_.notify_all();
  };
  callbacks.put_off = [this](std::unique_ptr<Sequence> sequence) {
    std::lock_guard<std::mutex> lock(mutex_);
    put_off_.push_back(std::move(sequence));
    wake_.notify_all();
  };
  callbacks.spend = [this](const EngineStats& spent) { Spend(spent); };
  CONCORD_ASSIGN_OR_RETURN(decode_,
                           DecodeSide::Create(model_->decoder(), options, stage_->runner(), std::move(callbacks)));
  return absl::OkStatus();
}

EngineCore::~EngineCore() {
  if (decode_ != nullptr) decode_->Stop();  // first, since it gives sequences back
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
  sequence->Warn(model_->info().warnings);
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

void EngineCore::Spend(const EngineStats& spent) {
  std::lock_guard<std::mutex> lock(mutex_);
  AddTo(&stats_, spent);
}

bool EngineCore::HasNews() const {
  return !incoming_.empty() || !put_off_.empty() || !freed_.empty() ||
         (!score_jobs_.empty() && stage_->scheduler().idle());
}

void EngineCore::TakeNews() {
  Scheduler& scheduler = stage_->scheduler();
  scheduler.Release(freed_);
  freed_.clear();
  for (; !put_off_.empty(); put_off_.pop_front()) scheduler.AddPutOff(std::move(put_off_.front()));
  for (; !incoming_.empty(); incoming_.pop_front()) scheduler.Add(std::move(incoming_.front()));
}

// Until there is something to do.
void EngineCore::Sleep(std::unique_lock<std::mutex>& lock, bool busy) {
  const auto awake = [&] { return stopping_ || busy || HasNews(); };
  if (awake()) return;
  const TraceScope scope(model_->tracer(), "idle");
  wake_.wait(lock, awake);
}

void EngineCore::Loop() {
  if (model_->tracer() != nullptr) model_->tracer()->NameThread("engine");
  bool busy = false;
  while (true) {
    ScoreJob* job = nullptr;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      Sleep(lock, busy);
      if (stopping_) break;
      TakeNews();
      if (!score_jobs_.empty() && stage_->scheduler().idle()) {
        job = score_jobs_.front();
        score_jobs_.pop_front();
      }
    }
    if (job == nullptr) {
      busy = Step();
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
  TakeNews();
  stage_->scheduler().FailAll(absl::OkStatus(), FinishReason::kCancelled);
  for (ScoreJob* job : score_jobs_) job->status = absl::CancelledError("the engine was stopped"), job->done = true;
  score_jobs_.clear();
  scored_.notify_all();
}

bool EngineCore::Step() {
  EngineStats spent;
  const bool busy = stage_->Step(&spent);
  while (std::unique_ptr<Sequence> computed = stage_->scheduler().TakeComputed()) decode_->Take(std::move(computed));
  if (busy) Spend(spent);
  return busy;
}

absl::Status EngineCore::RunScore(const ScoreJob& job) {
  return stage_->Score(*job.tokens, *job.on_rows, [&] {
    std::lock_guard<std::mutex> lock(mutex_);
    return stopping_;
  });
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
