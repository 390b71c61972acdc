#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "concord/concord.h"
#include "runtime/exec/sampler.h"
#include "runtime/exec/stop_matcher.h"
#include "runtime/exec/stream.h"
#include "runtime/text/stream_detokenizer.h"

namespace concord::exec {

// One request on its way through the engine. Touched by the engine's thread alone once it has been handed over.
class Sequence {
 public:
  using Clock = std::chrono::steady_clock;

  // `tokenizer` may be null: then tokens have no text. It outlives the sequence.
  Sequence(const Request& request, std::vector<int32_t> prompt, const text::Tokenizer* tokenizer,
           int64_t context_tokens);

  const std::vector<int32_t>& tokens() const { return tokens_; }
  int64_t n_prompt() const { return result_.prompt_tokens; }
  const std::shared_ptr<StreamState>& stream() const { return stream_; }

  // What its result is to say about the model.
  void Warn(const std::vector<std::string>& warnings) { result_.warnings = warnings; }

  // Chooses the next token from `logits` ([n_vocab], modified), gives it to the stream and ends the sequence where it
  // says so. True while it goes on.
  bool Advance(absl::Span<float> logits);
  void Finish(FinishReason reason, absl::Status status = absl::OkStatus());

  int64_t n_computed = 0;       // leading tokens whose keys and values are in place
  std::vector<int32_t> blocks;  // KV blocks, in order

 private:
  bool IsStop(int32_t id) const;
  // Why the sequence ends with the token that was just appended; kNone when it goes on.
  FinishReason Limit() const;
  // Text that was held back as a possible beginning of a stop string, and half a character.
  std::string FlushText();

  Request request_;
  std::vector<int32_t> tokens_;  // the prompt, then what was generated
  const text::Tokenizer* tokenizer_;
  int64_t context_tokens_;
  Sampler sampler_;
  std::unique_ptr<text::StreamDetokenizer> detokenizer_;
  StopMatcher stops_;
  std::shared_ptr<StreamState> stream_;
  Result result_;
  Clock::time_point submitted_, first_token_;
};

}  // namespace concord::exec
