#include "runtime/cli/sampling_options.h"

#include <limits>
#include <random>

#include "absl/strings/numbers.h"
#include "runtime/cli/exit_code.h"
#include "runtime/exec/loaded_model.h"

namespace concord::cli {
namespace {

template <typename To, typename From>
void SetIf(const std::optional<From>& value, To* target) {
  if (value.has_value()) *target = static_cast<To>(*value);
}

// "42=-1.5"; "-inf" bans the token.
absl::StatusOr<std::pair<int32_t, float>> ParseBias(const std::string& text) {
  const size_t equals = text.find('=');
  std::pair<int32_t, float> bias;
  if (equals != std::string::npos && absl::SimpleAtoi(text.substr(0, equals), &bias.first) &&
      absl::SimpleAtof(text.substr(equals + 1), &bias.second)) {
    return bias;
  }
  return UsageError(absl::StrCat("--logit-bias is '", text, "', want ID=BIAS, for example 42=-1.5 or 42=-inf"));
}

void ApplyModelDefaults(const loader::GenerationDefaults& model, Sampling* sampling) {
  SetIf(model.temperature, &sampling->temperature);
  SetIf(model.top_k, &sampling->top_k);
  SetIf(model.top_p, &sampling->top_p);
  SetIf(model.min_p, &sampling->min_p);
  SetIf(model.repetition_penalty, &sampling->repeat_penalty);
  if (model.do_sample.has_value() && !*model.do_sample) sampling->temperature = 0;
}

}  // namespace

void SamplingOptions::Declare(Arguments& args) {
  args.Group("Sampling (default: what the model's maker recommends)");
  args.Value("--temperature", "T", &temperature, "0: always the likeliest token; 1: as the model says [0.8]");
  args.Value("--top-k", "K", &top_k, "only the K likeliest; 0: off [40]");
  args.Value("--top-p", "P", &top_p, "only the likeliest that together have probability P; 1: off [0.95]");
  args.Value("--min-p", "P", &min_p, "only those at least P times as likely as the likeliest; 0: off [0]");
  args.Value("--repeat-penalty", "X", &repeat_penalty, "makes recent tokens less likely; 1: off [1]");
  args.Value("--presence-penalty", "X", &presence_penalty, "subtracted from the logit of every recent token [0]");
  args.Value("--frequency-penalty", "X", &frequency_penalty, "the same for each time that it came [0]");
  args.Value("--logit-bias", "ID=BIAS", &logit_bias, "added to a token's logit, -inf bans it; may be repeated");
  args.Value("--seed", "N", &seed, "the same seed gives the same text [another one each time]");
  args.Value("--logprobs", "N", &logprobs, "with --json: each token's log probability and N alternatives").AtLeast(0);
  args.Group("When to end");
  args.Value("-n,--max-tokens", "N", &max_tokens,
             "tokens to write at most; -1: until the model ends or the context is full");
  args.Value("--stop", "TEXT", &stop, "end before this text; may be repeated");
  args.Flag("--ignore-eos", &ignore_eos, "go on where the model would end");
}

absl::Status SamplingOptions::Apply(const Model& model, Request* request) const {
  Sampling& s = request->sampling;
  ApplyModelDefaults(model.impl()->loaded->source().generation(), &s);
  SetIf(temperature, &s.temperature);
  SetIf(top_k, &s.top_k);
  SetIf(top_p, &s.top_p);
  SetIf(min_p, &s.min_p);
  SetIf(repeat_penalty, &s.repeat_penalty);
  SetIf(presence_penalty, &s.presence_penalty);
  SetIf(frequency_penalty, &s.frequency_penalty);
  SetIf(logprobs, &s.n_logprobs);
  for (const std::string& text : logit_bias) {
    CONCORD_ASSIGN_OR_RETURN(const auto bias, ParseBias(text));
    s.logit_bias.push_back(bias);
  }
  s.seed = seed.has_value() ? *seed : std::random_device()();
  request->max_tokens = max_tokens;
  request->stop = stop;
  request->ignore_eos = ignore_eos;
  return absl::OkStatus();
}

}  // namespace concord::cli
