#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "concord/concord.h"
#include "runtime/base/status.h"

namespace concord::exec {

struct Chosen {
  int32_t id = 0;
  float logprob = 0;                  // of id, at temperature 1 before any truncation
  std::vector<TokenProbability> top;  // only when Sampling.n_logprobs > 0
};

// Picks tokens for one request (concord.h, Sampling, says how). Holds scratch that is reused: after the first call
// nothing allocates unless log probabilities are asked for. One thread at a time.
class Sampler {
 public:
  // InvalidArgument names the setting that is out of range.
  static absl::Status Check(const Sampling& sampling, int64_t n_vocab);
  explicit Sampler(const Sampling& sampling) : sampling_(sampling) {}

  // logits: [n_vocab], may be modified. `history`: all tokens of the sequence so far; its length is the position that
  // seeds the draw. A logit that is not a number is chosen before all others, so that whoever looks at the logit of
  // what was chosen sees it. Time: one pass over the logits when greedy, two when truncated, three for a full
  // distribution; bias and penalties cost a greedy choice another.
  Chosen Choose(absl::Span<float> logits, absl::Span<const int32_t> history);

 private:
  struct Candidate {
    float logit;
    int32_t id;
  };
  void ApplyBiasAndPenalties(absl::Span<float> logits, absl::Span<const int32_t> history);
  void SelectCandidates(absl::Span<const float> logits);
  int32_t Draw(uint64_t position);

  Sampling sampling_;
  std::vector<Candidate> candidates_;  // sorted, likeliest first
  std::vector<float> weights_;
  std::vector<int32_t> recent_;
};

// The id of the first logit that is not a number, else of the largest, of equals the lowest. 0 for an empty span.
int32_t NanOrLargest(absl::Span<const float> logits);

// A uniform number in [0, 1) that depends on seed and position alone.
double CounterUniform(uint64_t seed, uint64_t position);

}  // namespace concord::exec
