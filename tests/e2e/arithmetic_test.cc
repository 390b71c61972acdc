#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nlohmann/json.hpp"
#include "tests/e2e/program.h"
#include "tests/e2e/unpacked_model.h"

// What the fast arithmetics cost: perplexity of trained models on text of their own, with the weights fixed, against
// the f32 path.
namespace concord::e2e {
namespace {

using nlohmann::json;

Outcome Succeed(const std::vector<std::string>& args) {
  Outcome outcome = RunModel(args);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return outcome;
}

// What a model writes by itself: text that it foretells about as well as what it was trained on.
std::string OwnText(const std::string& model, const std::string& begin) {
  std::string text;
  for (int seed = 1; seed <= 32; ++seed) {
    text += Succeed({"generate", model, "-p", begin, "-n", "220", "--temperature", "0.9", "--seed",
                     std::to_string(seed), "--ignore-eos", "-q"})
                .out +
            "\n";
  }
  return text;
}

double Perplexity(const std::string& model, const std::string& text, const std::string& compute) {
  const Outcome outcome =
      Succeed({"perplexity", model, text, "--context", "256", "--compute", compute, "--json", "-q"});
  return json::parse(outcome.out)["perplexity"].get<double>();
}

void ExpectNoCost(const std::string& model, const std::string& text, const std::string& type) {
  const double exact = Perplexity(model, text, "exact"), fast = Perplexity(model, text, "fast");
  EXPECT_GT(exact, 1.5) << type;  // or the text says nothing
  EXPECT_LT(exact, 60) << type;
  EXPECT_LT(std::fabs(fast / exact - 1), 0.001) << type << ": " << exact << " exact, " << fast << " fast";
  std::printf("%-8s exact %.5f, fast %.5f, %+.4f %%\n", type.c_str(), exact, fast, 100 * (fast / exact - 1));
}

// A test a type: without vector instructions several would take too long for one.
class Weights : public testing::TestWithParam<const char*> {};

TEST_P(Weights, CostNoPerplexity) {
  const std::string model = Shared("data/stories260K.gguf");
  if (model.empty()) GTEST_SKIP() << "no ../shared/data/stories260K.gguf";
  WriteFile(Scratch("text"), OwnText(model, "Once upon a time"));
  const std::string small = Scratch(GetParam());
  Succeed({"quantize", model, small, "--type", GetParam(), "-q"});
  ExpectNoCost(small, Scratch("text"), GetParam());
}

// Its rows are too short for blocks of 256.
INSTANTIATE_TEST_SUITE_P(Arithmetic, Weights,
                         testing::Values("bf16", "f16", "iq4_nl", "mxfp4", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0"),
                         [](const auto& info) { return std::string(info.param); });

// One scale of x for 256 elements; the demo model's rows are one and two blocks long.
class BlocksOf256 : public testing::TestWithParam<const char*> {};

TEST_P(BlocksOf256, CostNoPerplexity) {
  const std::string model = std::string(CONCORD_SOURCE_DIR) + "/examples/demo-model/demo.gguf", whole = Scratch("f32");
  WriteFile(Scratch("text"), OwnText(model, "One day"));
  WriteUnpacked(model, whole, "q8_0", "f32");  // `quantize` takes no packed weights
  const std::string small = Scratch(GetParam());
  Succeed({"quantize", whole, small, "--type", GetParam(), "-q"});
  ExpectNoCost(small, Scratch("text"), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Arithmetic, BlocksOf256, testing::Values("q4_k_m", "q5_k_m", "q6_k"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Arithmetic, CostsTheDemoModelNothing) {
  const std::string model = std::string(CONCORD_SOURCE_DIR) + "/examples/demo-model/demo.gguf";
  WriteFile(Scratch("text"), OwnText(model, "The device"));
  ExpectNoCost(model, Scratch("text"), "demo");
}

}  // namespace
}  // namespace concord::e2e
