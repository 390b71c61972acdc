#include "runtime/exec/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <set>

namespace concord::exec {
namespace {

std::vector<float> RandomLogits(size_t n, uint32_t seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(n);
  for (float& v : logits) v = normal(rng);
  return logits;
}

std::vector<double> Softmax(const std::vector<float>& logits, double temperature) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p(logits.size());
  double sum = 0;
  for (size_t i = 0; i < p.size(); ++i) sum += p[i] = std::exp((logits[i] - largest) / temperature);
  for (double& v : p) v /= sum;
  return p;
}

// The ids that may be drawn and their probabilities, straight from the definition in concord.h.
std::map<int32_t, double> Allowed(const std::vector<float>& logits, const Sampling& s) {
  std::vector<int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return logits[a] > logits[b]; });
  if (s.top_k > 0 && order.size() > static_cast<size_t>(s.top_k)) order.resize(s.top_k);
  std::vector<float> kept;
  for (int32_t id : order) kept.push_back(logits[id]);
  const std::vector<double> p = Softmax(kept, s.temperature);
  std::map<int32_t, double> allowed;
  double mass = 0, total = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (s.top_p < 1 && mass >= s.top_p) break;
    mass += p[i];
    if (i > 0 && p[i] < s.min_p * p[0]) break;
    allowed[order[i]] = p[i];
    total += p[i];
  }
  for (auto& [id, probability] : allowed) probability /= total;
  return allowed;
}

class Distribution : public testing::TestWithParam<Sampling> {};

TEST(NanOrLargestTest, LowestOfTheLargest) {
  for (const size_t n : {1, 15, 16, 17, 1023, 1024, 1025, 5000}) {
    std::vector<float> logits = RandomLogits(n, static_cast<uint32_t>(n));
    const auto largest = std::max_element(logits.begin(), logits.end());
    EXPECT_EQ(NanOrLargest(logits), largest - logits.begin()) << n;
    logits.back() = *largest;  // a tie, or itself
    EXPECT_EQ(NanOrLargest(logits), std::max_element(logits.begin(), logits.end()) - logits.begin()) << n;
    std::fill(logits.begin(), logits.end(), -INFINITY);
    EXPECT_EQ(NanOrLargest(logits), 0) << n;
    logits.back() = -1e38f;
    EXPECT_EQ(NanOrLargest(logits), static_cast<int32_t>(n - 1)) << n;
  }
  EXPECT_EQ(NanOrLargest({}), 0);
  for (int32_t at = 0; at < 53; ++at) {  // in every lane, and in what is left over of them
    const int32_t equal = at * 7 % 53;
    std::vector<float> many(53, -2.0f);
    many[static_cast<size_t>(at)] = many[static_cast<size_t>(equal)] = -1.0f;
    EXPECT_EQ(NanOrLargest(many), std::min(at, equal));
  }
}

TEST(NanOrLargestTest, TheFirstThatIsNoNumberComesBeforeAll) {
  for (const size_t n : {1, 15, 16, 17, 1023, 1024, 1025, 5000}) {
    std::vector<float> logits = RandomLogits(n, static_cast<uint32_t>(n));
    logits[n / 2] = -INFINITY;
    logits[n / 3] = INFINITY;
    EXPECT_EQ(static_cast<size_t>(NanOrLargest(logits)), n / 3);
    for (const size_t at : {n - 1, n / 2, n / 7, size_t{0}}) {
      logits[at] = at % 2 == 0 ? NAN : -NAN;
      EXPECT_EQ(static_cast<size_t>(NanOrLargest(logits)), at) << n;
      for (const float temperature : {0.0f, 1.0f}) {
        std::vector<float> copy = logits;
        EXPECT_EQ(static_cast<size_t>(Sampler({.temperature = temperature}).Choose(absl::MakeSpan(copy), {}).id), at);
      }
    }
  }
}

TEST_P(Distribution, DrawsWhatTheDefinitionAllowsAsOftenAsItSays) {
  const std::vector<float> logits = RandomLogits(257, 5);
  const auto allowed = Allowed(logits, GetParam());
  Sampler sampler(GetParam());
  std::map<int32_t, int> counts;
  std::vector<int32_t> history;
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    std::vector<float> copy = logits;
    ++counts[sampler.Choose(absl::MakeSpan(copy), history).id];
    history.push_back(0);
  }
  for (const auto& [id, count] : counts) EXPECT_TRUE(allowed.count(id)) << "token " << id;
  for (const auto& [id, p] : allowed) {
    const double sigma = std::sqrt(p * (1 - p) / kDraws);
    EXPECT_NEAR(static_cast<double>(counts[id]) / kDraws, p, 5 * sigma + 1e-4) << "token " << id;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Distribution,
                         testing::Values(Sampling{.temperature = 1, .top_k = 0, .top_p = 1},
                                         Sampling{.temperature = 0.7f, .top_k = 5, .top_p = 1},
                                         Sampling{.temperature = 1.5f, .top_k = 0, .top_p = 0.8f},
                                         Sampling{.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0.1f},
                                         Sampling{.temperature = 1.2f, .top_k = 40, .top_p = 0.9f, .min_p = 0.05f}));

TEST(Sampler, GreedyTakesTheLowestOfEquals) {
  std::vector<float> logits = {1, 2, 7, 7, -3};
  EXPECT_EQ(Sampler({.temperature = 0}).Choose(absl::MakeSpan(logits), {}).id, 2);
}

TEST(Sampler, SeedAndPositionDecideTheDraw) {
  const Sampling s = {.temperature = 3, .top_k = 0, .top_p = 1, .seed = 7};
  std::vector<int32_t> first, second;
  for (auto* out : {&first, &second}) {
    Sampler sampler(s);
    for (int i = 0; i < 50; ++i) {
      std::vector<float> logits = RandomLogits(500, 9);
      out->push_back(sampler.Choose(absl::MakeSpan(logits), std::vector<int32_t>(i)).id);
    }
  }
  EXPECT_EQ(first, second);
  EXPECT_GT(std::set<int32_t>(first.begin(), first.end()).size(), 5u);
}

TEST(Sampler, PenaltiesAndBias) {
  Sampling s = {.temperature = 0,
                .repeat_penalty = 2,
                .presence_penalty = 0.5f,
                .frequency_penalty = 1,
                .logit_bias = {{3, 100}}};
  std::vector<float> logits = {4, -4, 1, -98};
  const std::vector<int32_t> history = {0, 0, 1};
  EXPECT_EQ(Sampler(s).Choose(absl::MakeSpan(logits), history).id, 3);
  EXPECT_FLOAT_EQ(logits[0], 4 / 2.0f - 0.5f - 2);
  EXPECT_FLOAT_EQ(logits[1], -4 * 2.0f - 0.5f - 1);
  EXPECT_FLOAT_EQ(logits[2], 1);
}

TEST(Sampler, PenaltyWindowReachesSoFar) {
  Sampling s = {.temperature = 0, .presence_penalty = 10, .penalty_window = 2};
  std::vector<float> logits = {3, 2, 1};
  const std::vector<int32_t> history = {0, 1, 2};
  EXPECT_EQ(Sampler(s).Choose(absl::MakeSpan(logits), history).id, 0);
}

TEST(Sampler, LogProbabilitiesAreTheModels) {
  const std::vector<float> logits = RandomLogits(100, 3);
  const std::vector<double> p = Softmax(logits, 1);
  Sampling s = {.temperature = 0.5f, .logit_bias = {{4, 50}}, .n_logprobs = 3};
  std::vector<float> copy = logits;
  const Chosen chosen = Sampler(s).Choose(absl::MakeSpan(copy), {});
  EXPECT_EQ(chosen.id, 4);
  EXPECT_NEAR(chosen.logprob, std::log(p[4]), 1e-4);
  ASSERT_EQ(chosen.top.size(), 3u);
  EXPECT_NEAR(chosen.top[0].logprob, std::log(*std::max_element(p.begin(), p.end())), 1e-4);
}

TEST(Sampler, SettingsOutOfRangeAreNamed) {
  EXPECT_NE(std::string(Sampler::Check({.top_p = 0}, 10).message()).find("top_p"), std::string::npos);
  EXPECT_NE(std::string(Sampler::Check({.temperature = -1}, 10).message()).find("temperature"), std::string::npos);
  EXPECT_NE(std::string(Sampler::Check({.logit_bias = {{10, 1}}}, 10).message()).find("token 10"), std::string::npos);
  EXPECT_FALSE(Sampler::Check({.logit_bias = {{1, INFINITY}}}, 10).ok());
  EXPECT_TRUE(Sampler::Check({.logit_bias = {{1, -INFINITY}}}, 10).ok());
  EXPECT_TRUE(Sampler::Check({}, 10).ok());
}

}  // namespace
}  // namespace concord::exec
