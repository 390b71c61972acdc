#include "concord/c_api.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

struct Collected {
  std::string text;
  int tokens = 0;
  int stop_after = -1;
};

int32_t Collect(void* user, int32_t id, const char* text, size_t bytes) {
  auto* out = static_cast<Collected*>(user);
  out->text.append(text, bytes);
  if (id >= 0) ++out->tokens;
  return out->stop_after >= 0 && out->tokens >= out->stop_after;
}

class CApi : public testing::Test {
 protected:
  void SetUp() override {
    concord_message message;
    ASSERT_EQ(concord_model_load("synthetic:tiny:q4_0", nullptr, &model_, &message), 0) << message.text;
    ASSERT_EQ(concord_engine_create(model_, nullptr, &engine_, &message), 0) << message.text;
  }
  void TearDown() override {
    concord_model_free(model_);  // before the engine: it keeps what it needs
    concord_engine_free(engine_);
  }
  concord_model* model_ = nullptr;
  concord_engine* engine_ = nullptr;
};

TEST_F(CApi, GeneratesAndReportsTheResult) {
  concord_request request;
  concord_request_init(&request);
  request.prompt = "hello";
  request.temperature = 0;
  request.max_tokens = 12;
  request.ignore_eos = 1;
  Collected out;
  concord_result result{};
  result.struct_size = sizeof result;
  concord_message message;
  ASSERT_EQ(concord_generate(engine_, &request, Collect, &out, &result, &message), 0) << message.text;
  EXPECT_EQ(out.tokens, 12);
  EXPECT_EQ(result.finish_reason, CONCORD_FINISH_MAX_TOKENS);
  EXPECT_EQ(result.generated_tokens, 12);
}

TEST_F(CApi, CallbackCanStop) {
  concord_request request;
  concord_request_init(&request);
  request.prompt = "hello";
  request.ignore_eos = 1;
  Collected out;
  out.stop_after = 3;
  request.max_tokens = 20;
  concord_result result{};
  result.struct_size = sizeof result;
  ASSERT_EQ(concord_generate(engine_, &request, Collect, &out, &result, nullptr), 0);
  EXPECT_EQ(out.tokens, 3);
  EXPECT_EQ(result.finish_reason, CONCORD_FINISH_CANCELLED);
}

TEST_F(CApi, BiasesAndStopTokens) {
  concord_request request;
  concord_request_init(&request);
  request.prompt = "hello";
  request.temperature = 0;
  request.max_tokens = 5;
  const int32_t wanted = 7;
  const float most = 1e6f;
  request.bias_tokens = &wanted;
  request.logit_bias = &most;
  request.logit_bias_count = 1;
  concord_result result{};
  result.struct_size = sizeof result;
  ASSERT_EQ(concord_generate(engine_, &request, nullptr, nullptr, &result, nullptr), 0);
  EXPECT_EQ(result.generated_tokens, 5);
  request.stop_tokens = &wanted;
  request.stop_token_count = 1;
  ASSERT_EQ(concord_generate(engine_, &request, nullptr, nullptr, &result, nullptr), 0);
  EXPECT_EQ(result.generated_tokens, 0);
  EXPECT_EQ(result.finish_reason, CONCORD_FINISH_STOP);
}

TEST_F(CApi, TokenizeCountsWhatDoesNotFit) {
  size_t count = 0;
  int32_t one = -1;
  ASSERT_EQ(concord_tokenize(model_, "abc", &one, 1, &count, nullptr), 0);
  EXPECT_GT(count, 2u);
  EXPECT_GE(one, 0);
}

// A caller built against an older header: its shorter struct still works, what it lacks has the default.
TEST_F(CApi, ShorterStructsOfOlderCallers) {
  concord_request request;
  concord_request_init(&request);
  request.prompt = "hello";
  request.max_tokens = 2;
  request.struct_size = offsetof(concord_request, stop);
  std::memset(reinterpret_cast<char*>(&request) + request.struct_size, 0x7F, sizeof request - request.struct_size);
  Collected out;
  EXPECT_EQ(concord_generate(engine_, &request, Collect, &out, nullptr, nullptr), 0);
}

// An older caller's stack is not written past its struct, and whoever forgot to fill one is told.
TEST_F(CApi, DefaultsStopWhereTheStructDoes) {
  concord_request request;
  std::memset(&request, 0x7F, sizeof request);
  concord_request_defaults(&request, offsetof(concord_request, stop));
  EXPECT_EQ(request.struct_size, offsetof(concord_request, stop));
  EXPECT_EQ(request.max_tokens, -1);
  EXPECT_EQ(*(reinterpret_cast<const char*>(&request) + offsetof(concord_request, stop)), 0x7F);
  request = {};
  concord_message message;
  EXPECT_EQ(concord_generate(engine_, &request, nullptr, nullptr, nullptr, &message), 3);
  EXPECT_NE(std::string(message.text).find("_init"), std::string::npos) << message.text;
}

TEST(CApiTrace, RecordsAModelAndIsFreedBeforeIt) {
  concord_message message;
  concord_trace* trace = nullptr;
  ASSERT_EQ(concord_trace_create(0, &trace, &message), 0) << message.text;
  concord_load_options options;
  concord_load_options_init(&options);
  options.trace = trace;
  concord_model* model = nullptr;
  concord_engine* engine = nullptr;
  ASSERT_EQ(concord_model_load("synthetic:tiny:q4_0", &options, &model, &message), 0) << message.text;
  ASSERT_EQ(concord_engine_create(model, nullptr, &engine, &message), 0) << message.text;
  concord_request request;
  concord_request_init(&request);
  request.prompt = "a";
  request.max_tokens = 3;
  ASSERT_EQ(concord_generate(engine, &request, nullptr, nullptr, nullptr, &message), 0) << message.text;
  const std::string path = testing::TempDir() + "/c_api_trace.json";
  ASSERT_EQ(concord_trace_write_json(trace, path.c_str(), &message), 0) << message.text;
  EXPECT_EQ(concord_trace_dropped_events(trace), 0);
  concord_trace_free(trace);
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const char* part : {"\"load\"", "\"step\"", "\"linear\""}) EXPECT_NE(text.find(part), std::string::npos);
  ASSERT_EQ(concord_generate(engine, &request, nullptr, nullptr, nullptr, &message), 0) << message.text;
  concord_model_free(model);
  concord_engine_free(engine);
}

TEST(CApiErrors, AreCodesAndSentences) {
  concord_model* model = reinterpret_cast<concord_model*>(1);
  concord_message message;
  EXPECT_EQ(concord_model_load("/nonexistent.gguf", nullptr, &model, &message), 5);  // NOT_FOUND
  EXPECT_EQ(model, nullptr);
  EXPECT_NE(std::string(message.text).find("/nonexistent.gguf"), std::string::npos);
  EXPECT_EQ(concord_model_load("x", nullptr, nullptr, nullptr), 3);
  EXPECT_EQ(concord_generate(nullptr, nullptr, nullptr, nullptr, nullptr, nullptr), 3);
  EXPECT_STRNE(concord_version(), "");
}

}  // namespace
