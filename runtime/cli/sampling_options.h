#pragma once

#include <optional>
#include <string>
#include <vector>

#include "concord/concord.h"
#include "runtime/cli/arguments.h"

namespace concord::cli {

// How tokens are chosen: what the user says, else what the model's maker recommends, else what concord.h says.
struct SamplingOptions {
  std::optional<float> temperature, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty;
  std::optional<int64_t> top_k, logprobs;
  std::optional<uint64_t> seed;  // unset: another one each time
  std::vector<std::string> logit_bias;
  int64_t max_tokens = -1;
  std::vector<std::string> stop;
  bool ignore_eos = false;

  void Declare(Arguments& args);
  // Fills sampling, max_tokens and stops of a request to `model`. UsageError for a malformed --logit-bias.
  absl::Status Apply(const Model& model, Request* request) const;
};

}  // namespace concord::cli
