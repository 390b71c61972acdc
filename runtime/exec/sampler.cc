#include "runtime/exec/sampler.h"

#include <algorithm>
#include <cmath>

namespace concord::exec {
namespace {

// Finalizer of MurmurHash3 with the increments of splitmix64 (Steele, Lea & Flood, OOPSLA 2014).
uint64_t Mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

// log(sum(exp(logits))), stable.
double LogSumExp(absl::Span<const float> logits) {
  float largest = -INFINITY;
  for (float v : logits) largest = std::max(largest, v);
  if (!std::isfinite(largest)) return largest;
  double sum = 0;
  for (float v : logits) sum += std::exp(v - largest);
  return largest + std::log(sum);
}

std::string OutOfRange(const char* name, double got, const char* want) {
  return absl::StrCat("sampling: ", name, " is ", got, ", want ", want);
}

}  // namespace

double CounterUniform(uint64_t seed, uint64_t position) {
  const uint64_t bits = Mix(Mix(seed + 0x9E3779B97F4A7C15ull) + (position + 1) * 0x9E3779B97F4A7C15ull);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

// Logits are looked through in 16 lanes, because a single chain of comparisons is not vectorised (128k: 0.2 ms instead
// of 0.02), and for a place only in the piece that it was found in. One pass for both questions: 26 us of 128k just
// written by two cores, where two passes took 45.
int32_t NanOrLargest(absl::Span<const float> logits) {
  constexpr size_t kLanes = 16, kPiece = 1024;
  float largest = -INFINITY;
  absl::Span<const float> best = logits;  // where no logit is above -infinity
  for (size_t begin = 0; begin < logits.size(); begin += kPiece) {
    const absl::Span<const float> piece = logits.subspan(begin, kPiece);
    float top[kLanes];
    int32_t nan[kLanes] = {};
    std::fill(top, top + kLanes, -INFINITY);
    size_t i = 0;
    for (; i + kLanes <= piece.size(); i += kLanes) {
      const float* v = piece.data() + i;
      for (size_t lane = 0; lane < kLanes; ++lane) {
        top[lane] = v[lane] > top[lane] ? v[lane] : top[lane];
        nan[lane] |= v[lane] != v[lane] ? 1 : 0;
      }
    }
    for (; i < piece.size(); ++i) {
      top[0] = piece[i] > top[0] ? piece[i] : top[0];
      nan[0] |= std::isnan(piece[i]) ? 1 : 0;
    }
    if (std::any_of(nan, nan + kLanes, [](int32_t any) { return any != 0; })) {
      const auto at = std::find_if(piece.begin(), piece.end(), [](float z) { return std::isnan(z); });
      return static_cast<int32_t>(at - logits.begin());
    }
    const float highest = *std::max_element(top, top + kLanes);
    if (highest > largest) {
      largest = highest;
      best = piece;
    }
  }
  for (const float& v : best) {
    if (v == largest) return static_cast<int32_t>(&v - logits.data());
  }
  return 0;
}

absl::Status Sampler::Check(const Sampling& s, int64_t n_vocab) {
  const auto error = [](const std::string& text) { return absl::InvalidArgumentError(text); };
  if (!(s.temperature >= 0) || !std::isfinite(s.temperature))
    return error(OutOfRange("temperature", s.temperature, "0 or more"));
  if (s.top_k < 0) return error(OutOfRange("top_k", s.top_k, "0 (off) or more"));
  if (!(s.top_p > 0 && s.top_p <= 1)) return error(OutOfRange("top_p", s.top_p, "more than 0, at most 1"));
  if (!(s.min_p >= 0 && s.min_p <= 1)) return error(OutOfRange("min_p", s.min_p, "0 to 1"));
  if (!(s.repeat_penalty > 0) || !std::isfinite(s.repeat_penalty))
    return error(OutOfRange("repeat_penalty", s.repeat_penalty, "more than 0"));
  if (!std::isfinite(s.presence_penalty))
    return error(OutOfRange("presence_penalty", s.presence_penalty, "a finite number"));
  if (!std::isfinite(s.frequency_penalty))
    return error(OutOfRange("frequency_penalty", s.frequency_penalty, "a finite number"));
  if (s.penalty_window < -1) return error(OutOfRange("penalty_window", s.penalty_window, "-1 (all) or more"));
  for (const auto& [id, bias] : s.logit_bias) {
    if (id < 0 || id >= n_vocab)
      return error(absl::StrCat("sampling: logit_bias names token ", id, ", want 0 to ", n_vocab - 1));
    if (!(bias < INFINITY))
      return error(
          absl::StrCat("sampling: the logit_bias of token ", id, " is ", bias, ", want a number or -infinity"));
  }
  return absl::OkStatus();
}

void Sampler::ApplyBiasAndPenalties(absl::Span<float> logits, absl::Span<const int32_t> history) {
  for (const auto& [id, bias] : sampling_.logit_bias) logits[id] += bias;
  const bool penalise =
      sampling_.repeat_penalty != 1 || sampling_.presence_penalty != 0 || sampling_.frequency_penalty != 0;
  if (!penalise || sampling_.penalty_window == 0) return;
  const size_t window =
      sampling_.penalty_window < 0 ? history.size() : std::min<size_t>(history.size(), sampling_.penalty_window);
  const auto recent = history.subspan(history.size() - window);
  recent_.assign(recent.begin(), recent.end());
  std::sort(recent_.begin(), recent_.end());
  for (size_t i = 0; i < recent_.size();) {
    size_t end = i;
    while (end < recent_.size() && recent_[end] == recent_[i]) ++end;
    float& logit = logits[recent_[i]];
    logit = logit > 0 ? logit / sampling_.repeat_penalty : logit * sampling_.repeat_penalty;
    logit -= sampling_.presence_penalty + sampling_.frequency_penalty * static_cast<float>(end - i);
    i = end;
  }
}

void Sampler::SelectCandidates(absl::Span<const float> logits) {
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
  };
  const size_t k = sampling_.top_k > 0 ? std::min<size_t>(sampling_.top_k, logits.size()) : logits.size();
  candidates_.clear();
  candidates_.reserve(logits.size());
  // A running bound: once k candidates are known, nothing below the k-th best so far needs a place. The list is cut
  // back whenever it has doubled, so the pass stays linear.
  float bound = -INFINITY;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] >= bound) || logits[i] == -INFINITY) continue;
    candidates_.push_back({logits[i], static_cast<int32_t>(i)});
    if (k < logits.size() && candidates_.size() >= 2 * k + 64) {
      std::nth_element(candidates_.begin(), candidates_.begin() + static_cast<int64_t>(k) - 1, candidates_.end(),
                       better);
      candidates_.resize(k);
      bound = candidates_[k - 1].logit;
    }
  }
  if (candidates_.size() > k) {
    std::nth_element(candidates_.begin(), candidates_.begin() + static_cast<int64_t>(k) - 1, candidates_.end(), better);
    candidates_.resize(k);
  }
  std::sort(candidates_.begin(), candidates_.end(), better);
}

int32_t Sampler::Draw(uint64_t position) {
  weights_.resize(candidates_.size());
  double sum = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    weights_[i] = std::exp((candidates_[i].logit - candidates_[0].logit) / sampling_.temperature);
    sum += weights_[i];
  }
  size_t kept = candidates_.size();
  if (sampling_.top_p < 1) {  // the fewest likeliest that hold top_p of the mass
    double mass = 0;
    for (kept = 0; kept < candidates_.size() && mass < sampling_.top_p * sum; ++kept) mass += weights_[kept];
  }
  while (kept > 1 && weights_[kept - 1] < sampling_.min_p) --kept;  // weights are relative to the likeliest
  double total = 0;
  for (size_t i = 0; i < kept; ++i) total += weights_[i];
  double left = CounterUniform(sampling_.seed, position) * total;
  for (size_t i = 0; i + 1 < kept; ++i) {
    left -= weights_[i];
    if (left < 0) return candidates_[i].id;
  }
  return candidates_[kept - 1].id;
}

Chosen Sampler::Choose(absl::Span<float> logits, absl::Span<const int32_t> history) {
  Chosen chosen;
  chosen.id = NanOrLargest(logits);
  if (std::isnan(logits[chosen.id])) return chosen;
  double log_sum = 0;
  if (sampling_.n_logprobs >= 0) {
    log_sum = LogSumExp(logits);
    if (sampling_.n_logprobs > 0) {
      Sampling top = {};
      top.top_k = sampling_.n_logprobs;
      std::swap(top, sampling_);
      SelectCandidates(logits);
      std::swap(top, sampling_);
      for (const Candidate& c : candidates_) chosen.top.push_back({c.id, static_cast<float>(c.logit - log_sum)});
    }
  }
  recent_.clear();
  std::vector<float> unused;
  const bool changes = !sampling_.logit_bias.empty() || sampling_.repeat_penalty != 1 ||
                       sampling_.presence_penalty != 0 || sampling_.frequency_penalty != 0;
  // Log probabilities are those of the model, so the chosen token's logit is needed as it was.
  if (changes && sampling_.n_logprobs >= 0) unused.assign(logits.begin(), logits.end());
  if (changes) ApplyBiasAndPenalties(logits, history);
  if (sampling_.temperature == 0 || sampling_.top_k == 1) {
    if (changes) chosen.id = NanOrLargest(logits);
  } else {
    SelectCandidates(logits);
    chosen.id = candidates_.empty() ? 0 : Draw(history.size());
  }
  if (sampling_.n_logprobs >= 0) {
    chosen.logprob = static_cast<float>((unused.empty() ? logits[chosen.id] : unused[chosen.id]) - log_sum);
  }
  return chosen;
}

}  // namespace concord::exec
