#include "runtime/exec/sequence.h"

#include <algorithm>

namespace concord::exec {
namespace {

double Seconds(Sequence::Clock::duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

Sequence::Sequence(const Request& request, std::vector<int32_t> prompt, const text::Tokenizer* tokenizer,
                   int64_t context_tokens)
    : request_(request),
      tokens_(std::move(prompt)),
      tokenizer_(tokenizer),
      context_tokens_(context_tokens),
      sampler_(request.sampling),
      stops_(request.stop),
      stream_(std::make_shared<StreamState>()),
      submitted_(Clock::now()) {
  result_.prompt_tokens = static_cast<int64_t>(tokens_.size());
  const int64_t most = request.max_tokens < 0 ? context_tokens : result_.prompt_tokens + request.max_tokens;
  tokens_.reserve(std::min(most, context_tokens) + 1);  // appending never moves it
  if (tokenizer != nullptr) detokenizer_ = std::make_unique<text::StreamDetokenizer>(*tokenizer);
}

bool Sequence::IsStop(int32_t id) const {
  if (std::find(request_.stop_tokens.begin(), request_.stop_tokens.end(), id) != request_.stop_tokens.end()) return true;
  return !request_.ignore_eos && tokenizer_ != nullptr && tokenizer_->IsEndOfGeneration(id);
}

bool Sequence::Emit(const Chosen& chosen) {
  Token token;
  token.id = chosen.id;
  token.logprob = chosen.logprob;
  token.top = chosen.top;
  StopMatcher::Out out;
  if (detokenizer_ != nullptr) out = stops_.Feed(detokenizer_->Push(chosen.id));
  token.text = std::move(out.text);
  result_.stop_text = out.matched;
  stream_->Push(std::move(token));
  return out.stopped;
}

bool Sequence::Advance(absl::Span<float> logits) {
  const Chosen chosen = sampler_.Choose(logits, tokens_);
  if (result_.generated_tokens == 0) {
    first_token_ = Clock::now();
    result_.prefill_seconds = Seconds(first_token_ - submitted_);
  }
  if (IsStop(chosen.id)) return Finish(FinishReason::kStop), false;
  tokens_.push_back(chosen.id);
  ++result_.generated_tokens;
  result_.decode_seconds = Seconds(Clock::now() - first_token_);
  if (Emit(chosen)) return Finish(FinishReason::kStop), false;
  if (request_.max_tokens >= 0 && result_.generated_tokens >= request_.max_tokens) {
    return Finish(FinishReason::kMaxTokens), false;
  }
  if (static_cast<int64_t>(tokens_.size()) >= context_tokens_) return Finish(FinishReason::kContextFull), false;
  stream_->SetResult(result_);
  return true;
}

void Sequence::Finish(FinishReason reason, absl::Status status) {
  result_.finish_reason = reason;
  if (detokenizer_ != nullptr && result_.stop_text.empty()) {
    // Text that was held back as a possible beginning of a stop string, and half a character, come out now.
    StopMatcher::Out out = stops_.Feed(detokenizer_->Flush());
    Token rest;
    rest.id = tokens_.empty() ? 0 : tokens_.back();
    rest.text = out.text + (out.stopped ? "" : stops_.Flush());
    if (!rest.text.empty()) stream_->Push(std::move(rest));
  }
  stream_->End(std::move(status), result_);
}

}  // namespace concord::exec
