// Models with experts: what a token gets does not depend on who else is in the step, and damaged ones are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_replace.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/exec/step_runner.h"
#include "runtime/hal/device_registry.h"
#include "runtime/loader/synthetic.h"
#include "runtime/models/model.h"

namespace concord::exec {
namespace {

using testing::HasSubstr;

constexpr loader::SyntheticShape kShape = {"experts", "qwen3moe", 2, 256, 4, 2, 64, 256, 300, 256, 1e6, false, 9, 3};
constexpr int64_t kLength = 40;

class Steps {
 public:
  Steps(const char* type, const char* compute) {
    std::shared_ptr<hal::Device> cpu = *hal::DeviceRegistry::Discover({}).Open("cpu:0");
    auto model = LoadedModel::Load(*loader::MakeSynthetic(kShape, type, {}), {std::move(cpu)}, {.compute = compute});
    EXPECT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
    auto runner =
        StepRunner::Create(model_, {.n_tokens = 128, .n_seqs = 3, .n_outputs = 128, .n_blocks = 12, .max_blocks = 4});
    EXPECT_TRUE(runner.ok()) << runner.status();
    runner_ = *std::move(runner);
    batch_.Reserve(128, 3, 128, 4);
  }

  void Begin() { batch_.Clear(); }
  // Tokens [first, first + count) of sequence `s`, which has blocks of its own.
  void Add(int s, int64_t first, int64_t count) {
    std::vector<int32_t> tokens(128), blocks;
    for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>((i * i * 7 + i + 31 * s) % 300);
    for (int32_t b = 0; b < 4; ++b) blocks.push_back(4 * s + b);
    const auto at = static_cast<int32_t>(batch_.tokens.size());
    batch_.Add(tokens.data(), first, count, blocks, model_->block_tokens());
    for (int32_t i = 0; i < count; ++i) batch_.output_rows.push_back(at + i);
  }
  // The logits of every token, in the order of Add.
  std::vector<float> Run() {
    const absl::Status status = runner_->Run(batch_);
    EXPECT_TRUE(status.ok()) << status;
    const float* logits = runner_->logits()[0];
    return {logits, logits + batch_.output_rows.size() * static_cast<size_t>(model_->n_vocab())};
  }
  size_t n_vocab() const { return static_cast<size_t>(model_->n_vocab()); }

 private:
  std::shared_ptr<const LoadedModel> model_;
  std::unique_ptr<StepRunner> runner_;
  StepBatch batch_;
};

// Vectors times matrices and matrices times matrices, experts with one row and with many, in both arithmetics.
TEST(Experts, ATokenAloneHasTheBitsItHasAmongOthers) {
  for (const auto& [type, compute] :
       {std::pair("q4_k_m", "fast"), {"q8_0", "fast"}, {"q4_k", "exact"}, {"bf16", "exact"}}) {
    SCOPED_TRACE(absl::StrCat(type, " ", compute));
    Steps steps(type, compute);
    steps.Begin();
    steps.Add(1, 0, 50);
    steps.Add(0, 0, kLength);
    steps.Add(2, 0, 33);
    const std::vector<float> together = steps.Run();
    const float* want = together.data() + 50 * steps.n_vocab();
    for (int64_t t = 0; t < kLength; ++t) {
      steps.Begin();
      steps.Add(0, t, 1);
      const std::vector<float> alone = steps.Run();
      ASSERT_EQ(std::memcmp(alone.data(), want + static_cast<size_t>(t) * steps.n_vocab(), alone.size() * 4), 0) << t;
    }
  }
}

// The golden folder with one setting changed.
absl::Status Build(const std::string& golden, const std::string& from, const std::string& to) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(testing::TempDir()) / "concord_experts";
  fs::remove_all(folder);
  fs::copy(std::string(CONCORD_SOURCE_DIR) + "/tests/golden/" + golden, folder);
  std::ifstream in(folder / "config.json");
  std::string config(std::istreambuf_iterator<char>(in), {});
  EXPECT_EQ(absl::StrReplaceAll({{from, to}}, &config), 1) << from;
  std::ofstream(folder / "config.json") << config;
  const auto source = loader::Open(folder.string());
  EXPECT_TRUE(source.ok()) << source.status();
  const absl::Status status = models::BuildModule(**source, {}).status();
  fs::remove_all(folder);
  return status;
}

TEST(Experts, SettingsThatDoNotFitTheTensorsAreRefused) {
  const auto message = [](const char* golden, const char* from, const char* to) {
    return std::string(Build(golden, from, to).message());
  };
  EXPECT_EQ(message("qwen3moe", "\"vocab_size\": 288", "\"vocab_size\": 288"), "");
  EXPECT_THAT(message("qwen3moe", "\"num_experts\": 7", "\"num_experts\": 8"), HasSubstr("mlp.gate.weight"));
  EXPECT_THAT(message("qwen3moe", "\"num_experts_per_tok\": 3", "\"num_experts_per_tok\": 9"),
              HasSubstr("7 experts of width 20, 9 of them a token"));
  EXPECT_THAT(
      message("qwen3moe", "\"moe_intermediate_size\": 20", "\"moe_intermediate_size\": 24"),
      HasSubstr("experts.0.gate_proj.weight' has shape [20, 32], but the settings of this model need [24, 32]"));
  EXPECT_THAT(message("qwen3moe_fused", "\"moe_intermediate_size\": 20", "\"moe_intermediate_size\": 24"),
              HasSubstr("experts.gate_up_proj' has shape [7, 40, 32]"));
}

}  // namespace
}  // namespace concord::exec
