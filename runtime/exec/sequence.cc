#include "runtime/exec/sequence.h"

#include <algorithm>
#include <cmath>

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
  if (std::find(request_.stop_tokens.begin(), request_.stop_tokens.end(), id) != request_.stop_tokens.end())
    return true;
  return !request_.ignore_eos && tokenizer_ != nullptr && tokenizer_->IsEndOfGeneration(id);
}

FinishReason Sequence::Limit() const {
  if (request_.max_tokens >= 0 && result_.generated_tokens >= request_.max_tokens) return FinishReason::kMaxTokens;
  if (static_cast<int64_t>(tokens_.size()) >= context_tokens_) return FinishReason::kContextFull;
  return FinishReason::kNone;
}

std::string Sequence::FlushText() {
  if (detokenizer_ == nullptr || !result_.stop_text.empty()) return "";
  const StopMatcher::Out out = stops_.Feed(detokenizer_->Flush());
  return out.stopped ? out.text : out.text + stops_.Flush();
}

bool Sequence::Advance(absl::Span<float> logits) {
  Chosen chosen = sampler_.Choose(logits, tokens_);
  if (!std::isfinite(logits[chosen.id])) {
    Finish(FinishReason::kError, absl::InvalidArgumentError(absl::StrCat(
                                     "the logit of token ", chosen.id, " after ", tokens_.size(),
                                     " tokens is not finite: a weight of the model file is damaged (fetch the "
                                     "file again), or the device computes wrongly (--device reference tells)")));
    return false;
  }
  if (result_.generated_tokens == 0) {
    first_token_ = Clock::now();
    result_.prefill_seconds = Seconds(first_token_ - submitted_);
  }
  if (IsStop(chosen.id)) return Finish(FinishReason::kStop), false;
  tokens_.push_back(chosen.id);
  ++result_.generated_tokens;
  result_.decode_seconds = Seconds(Clock::now() - first_token_);
  Token token{chosen.id, "", chosen.logprob, std::move(chosen.top)};
  StopMatcher::Out out;
  if (detokenizer_ != nullptr) out = stops_.Feed(detokenizer_->Push(chosen.id));
  token.text = std::move(out.text);
  result_.stop_text = out.matched;
  const FinishReason reason = out.stopped ? FinishReason::kStop : Limit();
  if (reason != FinishReason::kNone) token.text += FlushText();
  stream_->Push(std::move(token));
  if (reason != FinishReason::kNone) return Finish(reason), false;
  stream_->SetResult(result_);
  return true;
}

void Sequence::Finish(FinishReason reason, absl::Status status) {
  result_.finish_reason = reason;
  if (std::string rest = FlushText(); !rest.empty()) {  // the model's own end, or a cancelled request
    Token token;
    token.id = -1;
    token.text = std::move(rest);
    stream_->Push(std::move(token));
  }
  stream_->End(std::move(status), result_);
}

}  // namespace concord::exec
