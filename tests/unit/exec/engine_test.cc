#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "concord/concord.h"

namespace concord {
namespace {

using ::testing::HasSubstr;

// A quantised model of random weights, so that the int8 kernels run; 512 tokens, byte-level text.
constexpr char kTiny[] = "synthetic:tiny:q4_k_m";

Model LoadTiny(LoadOptions options = {}) {
  absl::StatusOr<Model> model = Model::Load(kTiny, options);
  EXPECT_TRUE(model.ok()) << model.status();
  return *model;
}

std::vector<int32_t> Prompt(int n, int salt) {
  std::vector<int32_t> ids(n);
  for (int i = 0; i < n; ++i) ids[i] = (i * 37 + salt * 101 + 5) % 256;
  return ids;
}

Request MakeRequest(int n, int salt, int64_t max_tokens) {
  Request request;
  request.prompt_tokens = Prompt(n, salt);
  request.max_tokens = max_tokens;
  request.ignore_eos = true;
  request.sampling.seed = salt;
  request.sampling.temperature = salt % 2 == 0 ? 0.0f : 0.9f;
  return request;
}

std::vector<int32_t> Ids(Stream& stream) {
  std::vector<int32_t> ids;
  for (const Token& t : stream) ids.push_back(t.id);
  EXPECT_TRUE(stream.status().ok()) << stream.status();
  return ids;
}

TEST(Engine, OneRequestAloneAndAmongSevenOthersGiveTheSameTokens) {
  const Model model = LoadTiny();
  std::vector<std::vector<int32_t>> alone;
  for (int r = 0; r < 8; ++r) {
    auto engine = Engine::Create(model, {.max_sequences = 1});
    ASSERT_TRUE(engine.ok()) << engine.status();
    auto stream = engine->Generate(MakeRequest(3 + 17 * r, r, 60));
    ASSERT_TRUE(stream.ok()) << stream.status();
    alone.push_back(Ids(*stream));
    EXPECT_EQ(alone.back().size(), 60u);
  }
  // Together, with prompts cut into small pieces, and with so little KV that some are put off and computed again.
  for (const EngineOptions& options :
       {EngineOptions{.max_tokens_in_flight = 512, .max_sequences = 8},
        EngineOptions{.max_tokens_in_flight = 13, .max_sequences = 8},
        EngineOptions{.max_tokens_in_flight = 64, .max_sequences = 8, .kv_tokens = 100}}) {
    auto engine = Engine::Create(model, options);
    ASSERT_TRUE(engine.ok()) << engine.status();
    std::vector<Stream> streams;
    for (int r = 0; r < 8; ++r) streams.push_back(*engine->Generate(MakeRequest(3 + 17 * r, r, 60)));
    for (int r = 0; r < 8; ++r) EXPECT_EQ(Ids(streams[r]), alone[r]) << "request " << r;
  }
}

TEST(Engine, KvTypesAndComputeAllRun) {
  for (const char* kv : {"f32", "f16", "bf16", "q8_0"}) {
    for (const char* compute : {"fast", "exact"}) {
      auto engine = Engine::Create(LoadTiny({.compute = compute, .kv_type = kv}), {});
      ASSERT_TRUE(engine.ok()) << engine.status();
      auto stream = engine->Generate(MakeRequest(40, 2, 10));
      ASSERT_TRUE(stream.ok());
      EXPECT_EQ(Ids(*stream).size(), 10u);
    }
  }
}

TEST(Engine, CancelFromAnotherThreadEndsTheStream) {
  auto engine = Engine::Create(LoadTiny(), {});
  Request request = MakeRequest(4, 0, -1);
  auto stream = engine->Generate(request);
  ASSERT_TRUE(stream.ok());
  std::thread canceller([copy = *stream]() mutable {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    copy.Cancel();
  });
  int n = 0;
  for (const Token& t : *stream) n += t.id >= 0;
  canceller.join();
  const FinishReason reason = stream->result().finish_reason;
  EXPECT_TRUE(reason == FinishReason::kCancelled || reason == FinishReason::kContextFull);
  EXPECT_EQ(n, stream->result().generated_tokens);
}

TEST(Engine, DroppingTheStreamOrTheEngineEndsCleanly) {
  const Model model = LoadTiny();
  for (int round = 0; round < 10; ++round) {
    auto engine = Engine::Create(model, {});
    auto kept = engine->Generate(MakeRequest(4, 0, -1));
    { auto dropped = engine->Generate(MakeRequest(5, 1, -1)); }
    engine = absl::CancelledError("the handle is gone; the stream keeps the engine");
    EXPECT_TRUE(kept->Next().has_value());
  }
}

TEST(Engine, ContextLimitIsReported) {
  auto engine = Engine::Create(LoadTiny({.context_tokens = 64}), {});
  ASSERT_TRUE(engine.ok()) << engine.status();
  auto stream = engine->Generate(MakeRequest(50, 0, -1));
  EXPECT_EQ(Ids(*stream).size(), 14u);
  EXPECT_EQ(stream->result().finish_reason, FinishReason::kContextFull);
  auto too_long = engine->Generate(MakeRequest(64, 0, 1));
  EXPECT_EQ(too_long.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(too_long.status().message()), HasSubstr("64 tokens, but the context holds 64"));
}

TEST(Engine, StopTextIsNotPartOfTheOutput) {
  auto engine = Engine::Create(LoadTiny(), {});
  auto plain = engine->Generate(MakeRequest(9, 2, 40));
  std::string text;
  for (const Token& t : *plain) text += t.text;
  ASSERT_GT(text.size(), 8u);
  const std::string stop = text.substr(text.size() / 2, 3);
  Request request = MakeRequest(9, 2, 40);
  request.stop = {stop};
  auto stopped = engine->Generate(request);
  std::string got;
  for (const Token& t : *stopped) got += t.text;
  EXPECT_EQ(got, text.substr(0, text.find(stop)));
  EXPECT_EQ(stopped->result().finish_reason, FinishReason::kStop);
  EXPECT_EQ(stopped->result().stop_text, stop);
}

TEST(Engine, BadRequestsAreStatuses) {
  auto engine = Engine::Create(LoadTiny(), {});
  Request request = MakeRequest(3, 0, 5);
  request.prompt_tokens[1] = 100000;
  EXPECT_EQ(engine->Generate(request).status().code(), absl::StatusCode::kInvalidArgument);
  request = MakeRequest(3, 0, -7);
  EXPECT_EQ(engine->Generate(request).status().code(), absl::StatusCode::kInvalidArgument);
  request = MakeRequest(3, 0, 5);
  request.sampling.top_p = 2;
  EXPECT_THAT(std::string(engine->Generate(request).status().message()), HasSubstr("top_p"));
  request = {};
  request.add_bos = false;
  EXPECT_THAT(std::string(engine->Generate(request).status().message()), HasSubstr("prompt is empty"));
  EXPECT_FALSE(Engine::Create(LoadTiny(), {.max_sequences = 0}).ok());
}

TEST(Model, BadOptionsAreStatuses) {
  EXPECT_EQ(Model::Load(kTiny, {.devices = {"tpu:9"}}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(Model::Load(kTiny, {.kv_type = "q3"}).status().message()),
              HasSubstr("want f32, f16, bf16 or q8_0"));
  EXPECT_FALSE(Model::Load(kTiny, {.compute = "slow"}).ok());
  EXPECT_FALSE(Model::Load("synthetic:none").ok());
  EXPECT_EQ(Model::Load("/nonexistent/x.gguf").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Model::Load(kTiny, {.context_tokens = int64_t{1} << 40}).status().code(), absl::StatusCode::kOutOfRange);
}

// A KV cache that no machine holds is refused beforehand, not met by the kernel's killer later.
TEST(Engine, KvCacheLargerThanMemoryIsRefused) {
  auto engine = Engine::Create(LoadTiny(), {.kv_tokens = int64_t{1} << 30});
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kResourceExhausted) << engine.status();
  EXPECT_THAT(std::string(engine.status().message()), HasSubstr("MiB are free"));
}

TEST(Model, LoadGenerateUnloadTenTimes) {
  for (int round = 0; round < 10; ++round) {
    auto engine = Engine::Create(LoadTiny(), {});
    auto stream = engine->Generate(MakeRequest(5, 0, 5));
    EXPECT_EQ(Ids(*stream).size(), 5u);
  }
}

TEST(Engine, ScoreAgreesWithGeneration) {
  auto engine = Engine::Create(LoadTiny({.compute = "exact"}), {});
  Request request = MakeRequest(70, 0, 1);
  auto stream = engine->Generate(request);
  const std::vector<int32_t> next = Ids(*stream);
  int32_t best = -1;
  const absl::Status status =
      engine->Score(request.prompt_tokens, [&](int64_t first, int64_t count, const float* logits) {
        if (first + count == 70) {
          const float* row = logits + (count - 1) * 512;
          best = static_cast<int32_t>(std::max_element(row, row + 512) - row);
        }
        return true;
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(best, next[0]);
}

}  // namespace
}  // namespace concord
