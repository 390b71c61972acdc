#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "concord/concord.h"
#include "tests/emulators/discrete/path.h"

namespace concord {
namespace {

using nlohmann::json;

const std::string kFolder = std::string(CONCORD_SOURCE_DIR) + "/tests/golden/";

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

struct Param {
  std::string name;      // of the test
  std::string model;     // below tests/golden
  std::string expected;  // folder with expected.json
  std::string device;
  std::string decode_device;  // where `device` only reads the prompt

  LoadOptions Options() const {
    LoadOptions options = {.plugins = {CONCORD_DISCRETE_PLUGIN}, .compute = "exact", .kv_type = "f32"};
    if (decode_device.empty()) return options.devices = {device}, options;
    return options.prefill_device = device, options.decode_device = decode_device, options;
  }
};

std::vector<Param> AllParams() {
  std::vector<Param> params;
  for (const char* device : {"cpu", "reference"}) {
    for (const char* folder :
         {"llama", "llama_tied", "llama_yarn", "qwen2", "qwen3", "qwen3moe", "gpt2", "qwen2_f16", "qwen2_bf16"}) {
      const std::string f = folder;
      params.push_back({absl::StrCat(f, "_safetensors_", device), f, f, device});
      params.push_back({absl::StrCat(f, "_gguf_", device), absl::StrCat(f, "/", f, ".gguf"), f, device});
    }
    params.push_back({std::string("llama_sharded_") + device, "llama_sharded", "llama", device});
    params.push_back({std::string("qwen3moe_fused_safetensors_") + device, "qwen3moe_fused", "qwen3moe", device});
    params.push_back(
        {std::string("qwen3moe_fused_gguf_") + device, "qwen3moe_fused/qwen3moe_fused.gguf", "qwen3moe", device});
  }
  return params;
}

class Golden : public testing::TestWithParam<Param> {
 protected:
  void SetUp() override {
    expected_ = json::parse(ReadFile(kFolder + GetParam().expected + "/expected.json"));
    const std::string bytes = ReadFile(kFolder + GetParam().expected + "/expected.bin");
    logits_.resize(bytes.size() / sizeof(float));
    std::memcpy(logits_.data(), bytes.data(), logits_.size() * sizeof(float));
    absl::StatusOr<Model> model = Model::Load(kFolder + GetParam().model, GetParam().Options());
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *model;
    absl::StatusOr<Engine> engine = Engine::Create(*model_, {});
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *engine;
  }

  json expected_;
  std::vector<float> logits_;
  std::optional<Model> model_;
  std::optional<Engine> engine_;
};

// The checkpoints that have a greedy continuation: all in f32.
class GoldenText : public Golden {};

// The design asks for 1e-4 of the largest logit; this holds a fifth of it, which tells tanh-GELU from erf-GELU.
TEST_P(Golden, LogitsAgree) {
  const int64_t n_vocab = expected_["vocab_size"];
  const double tolerance = 2e-5 * expected_["max_abs_logit"].get<double>();
  for (const json& prompt : expected_["prompts"]) {
    const std::vector<int32_t> ids = prompt["ids"];
    const float* want = logits_.data() + prompt["offset"].get<size_t>();
    int64_t rows = 0;
    double worst = 0;
    const absl::Status status = engine_->Score(ids, [&](int64_t first, int64_t count, const float* got) {
      for (int64_t i = 0; i < count * n_vocab; ++i) {
        const double off = std::fabs(got[i] - want[first * n_vocab + i]);
        worst = off <= worst ? worst : off;  // a NaN sticks
      }
      rows += count;
      return true;
    });
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(rows, static_cast<int64_t>(ids.size()));
    EXPECT_LE(worst, tolerance) << ids.size() << " tokens";
  }
}

TEST_P(GoldenText, GreedyContinuationIsTheSame) {
  const json& greedy = expected_["greedy"];
  Request request;
  request.prompt_tokens = greedy["ids"].get<std::vector<int32_t>>();
  request.sampling.temperature = 0;
  request.max_tokens = static_cast<int64_t>(greedy["continuation"].size());
  absl::StatusOr<Stream> stream = engine_->Generate(request);
  ASSERT_TRUE(stream.ok()) << stream.status();
  std::vector<int32_t> got;
  for (const Token& t : *stream) got.push_back(t.id);
  EXPECT_TRUE(stream->status().ok()) << stream->status();
  EXPECT_EQ(got, greedy["continuation"].get<std::vector<int32_t>>());
}

TEST_P(Golden, TokenizerAgrees) {
  for (const json& line : expected_["tokenizer"]) {
    const absl::StatusOr<std::vector<int32_t>> ids = model_->Tokenize(line["text"].get<std::string>());
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(*ids, line["ids"].get<std::vector<int32_t>>()) << line["text"];
  }
}

std::vector<Param> F32Params() {
  std::vector<Param> params;
  for (const Param& p : AllParams()) {
    if (p.expected.find("16") == std::string::npos) params.push_back(p);
  }
  return params;
}

// Prompts on one device, answers on another.
std::vector<Param> HandoverParams() {
  std::vector<Param> params;
  for (Param p : F32Params()) {
    if (p.device != "cpu" || p.model != absl::StrCat(p.expected, "/", p.expected, ".gguf")) continue;
    for (const auto& [prefill, decode] : {std::pair("reference", "cpu"), std::pair("cpu", "reference"),
                                          std::pair("discrete", "cpu"), std::pair("cpu", "discrete")}) {
      params.push_back({absl::StrCat(p.expected, "_", prefill, "_to_", decode), p.model, p.expected, prefill, decode});
    }
  }
  return params;
}

std::string NameOf(const testing::TestParamInfo<Param>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(All, Golden, testing::ValuesIn(AllParams()), NameOf);
INSTANTIATE_TEST_SUITE_P(F32, GoldenText, testing::ValuesIn(F32Params()), NameOf);
INSTANTIATE_TEST_SUITE_P(Handover, GoldenText, testing::ValuesIn(HandoverParams()), NameOf);

}  // namespace
}  // namespace concord
