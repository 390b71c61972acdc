// Prompts on one device and answers on another: the reference device and an emulated card that computes the same, so
// that a hand-over, wherever it happens, must give the bits of a run on one device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "concord/concord.h"
#include "concord/fault.h"
#include "runtime/base/memory_block.h"
#include "runtime/exec/loaded_model.h"
#include "tests/emulators/discrete/path.h"

namespace concord {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kModel[] = "synthetic:tiny:q8_0";

LoadOptions Exact(LoadOptions options = {}) {
  options.plugins = {CONCORD_DISCRETE_PLUGIN};
  options.compute = "exact";
  if (options.context_tokens == 0) options.context_tokens = 128;
  return options;
}

Model Load(const LoadOptions& options, const char* path = kModel) {
  absl::StatusOr<Model> model = Model::Load(path, options);
  EXPECT_TRUE(model.ok()) << model.status();
  return *model;
}

Model OnOne(const char* device, LoadOptions options = {}) {
  options.devices = {device};
  return Load(Exact(options));
}

Model OnTwo(const char* prefill, const char* decode, LoadOptions options = {}) {
  options.prefill_device = prefill, options.decode_device = decode;
  return Load(Exact(options));
}

Request MakeRequest(int length, int salt, int64_t max_tokens) {
  Request request;
  for (int i = 0; i < length; ++i) request.prompt_tokens.push_back((i * 37 + salt * 101 + 5) % 256);
  request.max_tokens = max_tokens;
  request.ignore_eos = true;
  request.sampling.seed = salt;
  request.sampling.temperature = salt % 2 == 0 ? 0.0f : 0.9f;
  return request;
}

constexpr int kRequests = 6;

// Ids of requests at once, with prompts of odd lengths.
std::vector<std::vector<int32_t>> Ids(const Model& model, const EngineOptions& options) {
  auto engine = Engine::Create(model, options);
  EXPECT_TRUE(engine.ok()) << engine.status();
  std::vector<Stream> streams;
  for (int r = 0; r < kRequests; ++r) streams.push_back(*engine->Generate(MakeRequest(1 + 13 * r, r, 16)));
  std::vector<std::vector<int32_t>> ids(streams.size());
  for (size_t r = 0; r < streams.size(); ++r) {
    for (const Token& token : streams[r]) ids[r].push_back(token.id);
    EXPECT_TRUE(streams[r].status().ok()) << streams[r].status();
    EXPECT_EQ(ids[r].size(), 16u);
  }
  return ids;
}

const EngineOptions kRoomy = {.max_tokens_in_flight = 64, .max_sequences = 4, .kv_tokens = 512};
// For little more than one sequence: some are put off here and there, and computed again.
const EngineOptions kTight = {.max_tokens_in_flight = 13, .max_sequences = 4, .kv_tokens = 150};

const concord_fault_api& FaultsOf(const hal::Device& device) {
  return *static_cast<const concord_fault_api*>(device.instance().GetExtension(CONCORD_FAULT_EXTENSION));
}

absl::Status EndOf(Stream& stream) {
  while (stream.Next().has_value()) {
  }
  return stream.status();
}

TEST(Handover, TheTextIsThatOfOneDevice) {
  bool forth = true;
  for (const char* kv : {"f32", "f16", "bf16", "q8_0"}) {
    const auto want = Ids(OnOne("reference", {.kv_type = kv}), kRoomy);
    const char* const decode = forth ? "discrete" : "reference";
    EXPECT_EQ(Ids(OnTwo(forth ? "reference" : "discrete", decode, {.kv_type = kv}), kRoomy), want) << kv;
    forth = !forth;
  }
}

TEST(Handover, WhatIsPutOffComesOutTheSame) {
  const auto want = Ids(OnOne("reference"), kRoomy);
  EXPECT_EQ(Ids(OnTwo("reference", "discrete"), kTight), want);
  EXPECT_EQ(Ids(OnTwo("discrete", "reference"), kTight), want);
}

// Two that together do not fit: the younger has to go, and comes back with what it has written.
TEST(Handover, AnAnswerThatIsPutOffGoesOn) {
  const auto run = [](const Model& model, int64_t kv_tokens) {
    Engine engine = *Engine::Create(model, {.kv_tokens = kv_tokens});
    Stream streams[] = {*engine.Generate(MakeRequest(20, 0, 90)), *engine.Generate(MakeRequest(21, 1, 90))};
    std::vector<int32_t> ids;
    for (Stream& stream : streams) {
      for (const Token& token : stream) ids.push_back(token.id);
      EXPECT_TRUE(stream.status().ok()) << stream.status();
    }
    return std::pair(ids, engine.stats().handovers);
  };
  const auto [want, none] = run(OnOne("reference"), 256);
  const auto [got, handovers] = run(OnTwo("reference", "discrete"), 128);
  EXPECT_EQ(got, want);
  EXPECT_EQ(none, 0);
  EXPECT_GE(handovers, 3);
}

TEST(Handover, BlocksOfOtherSizesGiveTheSameText) {
  const auto want = Ids(OnOne("reference"), kRoomy);
  EXPECT_EQ(Ids(OnOne("reference", {.kv_block_tokens = 7}), kTight), want);
  EXPECT_EQ(Ids(OnTwo("discrete", "reference", {.kv_block_tokens = 5, .decode_kv_block_tokens = 32}), kTight), want);
  EXPECT_EQ(Ids(OnTwo("reference", "discrete", {.kv_block_tokens = 32, .decode_kv_block_tokens = 3}), kTight), want);
}

// What is exact of a hand-over between unlike devices or types: a token is always computed by the same device from the
// same keys, so that the text does not depend on what was put off. What keys become is in kv_handover_test.cc.
TEST(Handover, UnlikeSidesGiveTheSameTextUnderPressure) {
  for (const auto& [prefill, decode] : {std::pair("cpu", "discrete"), std::pair("discrete", "cpu")}) {
    for (const auto& [from, to] : {std::pair("f32", "q8_0"), std::pair("f16", "f32")}) {
      const Model model = OnTwo(prefill, decode, {.kv_type = from, .decode_kv_type = to});
      EXPECT_EQ(Ids(model, kTight), Ids(model, kRoomy)) << prefill << " " << from << " to " << decode << " " << to;
    }
  }
}

TEST(Handover, IsCounted) {
  const Model model = OnTwo("discrete", "reference", {.kv_type = "f32", .decode_kv_type = "f16"});
  EXPECT_EQ(model.info().device, "discrete:0, reference:0");
  Engine engine = *Engine::Create(model, kRoomy);
  Stream one = *engine.Generate(MakeRequest(40, 0, 1));
  EXPECT_TRUE(EndOf(one).ok());
  EXPECT_EQ(engine.stats().handovers, 0);  // its only token is the prefill device's
  Stream two = *engine.Generate(MakeRequest(40, 0, 5));
  EXPECT_TRUE(EndOf(two).ok());
  const EngineStats stats = engine.stats();
  EXPECT_EQ(stats.handovers, 1);
  EXPECT_EQ(stats.handover_bytes, 40 * model.impl()->loaded->decoder()->info().kv_bytes_per_token);
  EXPECT_GT(stats.handover_seconds, 0);
  EXPECT_EQ(stats.prepares, 2);
}

TEST(Handover, ScoresBetweenRequests) {
  const Model model = OnTwo("discrete", "reference");
  Engine engine = *Engine::Create(model, kRoomy);
  Stream stream = *engine.Generate(MakeRequest(90, 0, 20));
  std::vector<float> logits;
  const std::vector<int32_t> tokens = MakeRequest(50, 1, 1).prompt_tokens;
  const auto keep = [&](int64_t, int64_t count, const float* rows) {
    logits.insert(logits.end(), rows, rows + count * model.info().n_vocab);
    return true;
  };
  EXPECT_TRUE(engine.Score(tokens, keep).ok());
  const std::vector<float> got = std::move(logits);
  logits.clear();
  EXPECT_TRUE(Engine::Create(OnOne("reference"), {})->Score(tokens, keep).ok());
  EXPECT_EQ(got, logits);
  EXPECT_TRUE(EndOf(stream).ok());
}

TEST(Handover, CancelAndDropEndCleanly) {
  const Model model = OnTwo("reference", "discrete", {.context_tokens = 512});
  for (int round = 0; round < 8; ++round) {
    Engine engine = *Engine::Create(model, {.max_tokens_in_flight = 16, .max_sequences = 3, .kv_tokens = 600});
    std::vector<Stream> streams;
    for (int r = 0; r < 6; ++r) streams.push_back(*engine.Generate(MakeRequest(20 + 9 * r, r, -1)));
    std::this_thread::sleep_for(std::chrono::milliseconds(round));
    for (int r = 0; r < 6; r += 2) streams[r].Cancel();
    EXPECT_TRUE(streams[1].Next().has_value());
    if (round % 2 == 0) continue;  // the rest ends with the engine
    for (int r = 0; r < 6; r += 2) EXPECT_TRUE(EndOf(streams[r]).ok());
  }
}

// A copy that does not happen, and whose device says that it did, is found out.
TEST(Handover, LostDataEndsTheRequestAlone) {
  const Model model = OnTwo("reference", "discrete");
  Engine engine = *Engine::Create(model, kRoomy);
  Stream before = *engine.Generate(MakeRequest(20, 0, 60));
  EXPECT_TRUE(before.Next().has_value() && before.Next().has_value());
  EXPECT_TRUE(EndOf(before).ok());
  const hal::Device& card = model.impl()->loaded->decoder()->device();
  ASSERT_EQ(FaultsOf(card).lose_copy(card.get(), nullptr), CONCORD_OK);
  Stream hit = *engine.Generate(MakeRequest(70, 0, 20));
  EXPECT_TRUE(hit.Next().has_value());  // of the prefill device
  EXPECT_FALSE(hit.Next().has_value());
  EXPECT_EQ(hit.status().code(), absl::StatusCode::kDataLoss) << hit.status();
  EXPECT_THAT(std::string(hit.status().message()), AllOf(HasSubstr("KV hand-over: layers.0.kv.k of tokens 0 to 31"),
                                                         HasSubstr("discrete:0"), HasSubstr("checksum")));
  EXPECT_EQ(hit.result().finish_reason, FinishReason::kError);
  Stream after = *engine.Generate(MakeRequest(70, 0, 20));
  EXPECT_TRUE(EndOf(after).ok());
  EXPECT_EQ(after.result().generated_tokens, 20);
}

TEST(Handover, ACopyThatFailsEndsTheRequestAlone) {
  const Model model = OnTwo("reference", "discrete");
  Engine engine = *Engine::Create(model, kRoomy);
  const hal::Device& card = model.impl()->loaded->decoder()->device();
  ASSERT_EQ(FaultsOf(card).fail_execution(card.get(), nullptr), CONCORD_OK);  // its first work is the hand-over
  Stream hit = *engine.Generate(MakeRequest(40, 0, 100));
  EXPECT_TRUE(hit.Next().has_value());
  const absl::Status status = EndOf(hit);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("KV hand-over"), HasSubstr("discrete:0")));
  Stream after = *engine.Generate(MakeRequest(40, 0, 20));
  EXPECT_TRUE(EndOf(after).ok()) << after.status();
}

TEST(Handover, ALostPrefillDeviceLeavesAnswersAlone) {
  const Model model = OnTwo("discrete", "reference", {.context_tokens = 512});
  Engine engine = *Engine::Create(model, kRoomy);
  Stream answering = *engine.Generate(MakeRequest(10, 0, 120));
  std::vector<int32_t> got;
  for (int i = 0; i < 3; ++i) got.push_back(answering.Next()->id);
  const hal::Device& card = model.impl()->loaded->device();
  ASSERT_EQ(FaultsOf(card).lose_device(card.get(), nullptr), CONCORD_OK);
  Stream reading = *engine.Generate(MakeRequest(30, 2, 5));
  const absl::Status status = EndOf(reading);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("discrete:0"), HasSubstr("the card was lost")));
  while (std::optional<Token> token = answering.Next()) got.push_back(token->id);
  EXPECT_TRUE(answering.status().ok()) << answering.status();
  Engine alone = *Engine::Create(OnOne("reference", {.context_tokens = 512}), kRoomy);
  Stream same = *alone.Generate(MakeRequest(10, 0, 120));
  std::vector<int32_t> want;
  while (std::optional<Token> token = same.Next()) want.push_back(token->id);
  EXPECT_EQ(got, want);
}

TEST(Handover, ALostDecodeDeviceEndsWhatNeedsIt) {
  const Model model = OnTwo("reference", "discrete");
  Engine engine = *Engine::Create(model, kRoomy);
  Stream answering = *engine.Generate(MakeRequest(10, 0, 100));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(answering.Next().has_value());
  const hal::Device& card = model.impl()->loaded->decoder()->device();
  ASSERT_EQ(FaultsOf(card).lose_device(card.get(), nullptr), CONCORD_OK);
  EXPECT_EQ(EndOf(answering).code(), absl::StatusCode::kUnavailable);
  Stream next = *engine.Generate(MakeRequest(10, 0, 5));
  EXPECT_THAT(std::string(EndOf(next).message()), HasSubstr("the card was lost"));
  Stream short_one = *engine.Generate(MakeRequest(10, 0, 1));  // which needs no other device
  EXPECT_TRUE(EndOf(short_one).ok());
}

TEST(Handover, NoMemoryOnEitherSideIsAStatus) {
  const Model model = OnTwo("reference", "discrete");
  const hal::Device& card = model.impl()->loaded->decoder()->device();
  for (const uint32_t count : {1, 2}) {
    const uint64_t before = card.MemoryStats()->used_bytes;
    ASSERT_EQ(FaultsOf(card).fail_allocations(card.get(), count, nullptr), CONCORD_OK);
    for (uint32_t i = 0; i < count; ++i) {
      const absl::Status status = Engine::Create(model, kRoomy).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("discrete:0"));
    }
    EXPECT_EQ(card.MemoryStats()->used_bytes, before);
  }
  EXPECT_EQ(Ids(model, kRoomy), Ids(OnOne("reference"), kRoomy));
}

TEST(Handover, OptionsThatMakeNoSenseAreRefused) {
  const auto error = [](LoadOptions options) {
    const absl::Status status = Model::Load(kModel, Exact(options)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(error({.prefill_device = "cpu"}), HasSubstr("decode_device is not given"));
  EXPECT_THAT(error({.decode_device = "cpu"}), HasSubstr("prefill_device is not given"));
  EXPECT_THAT(error({.devices = {"cpu"}, .prefill_device = "cpu", .decode_device = "discrete"}),
              HasSubstr("leave devices and place empty"));
  EXPECT_THAT(error({.prefill_device = "cpu", .decode_device = "cpu:0"}), HasSubstr("both cpu:0"));
  EXPECT_THAT(error({.prefill_device = "cpu", .decode_device = "auto"}), HasSubstr("not 'auto'"));
  EXPECT_THAT(error({.decode_kv_type = "f16"}), HasSubstr("want a decode_device"));
  EXPECT_THAT(error({.prefill_device = "cpu", .decode_device = "discrete", .decode_kv_type = "q4"}),
              HasSubstr("decode_kv_type is 'q4'"));
  EXPECT_THAT(error({.kv_block_tokens = 5000}), HasSubstr("want 1 to 1024"));
  EXPECT_EQ(Model::Load(kModel, Exact({.prefill_device = "tpu", .decode_device = "cpu"})).status().code(),
            absl::StatusCode::kUnavailable);
}

// The CPU and the reference share the machine's memory: what each could have alone, both cannot. Known at load, it is
// refused before a weight is read; else when the engine is made.
TEST(Handover, TwoDevicesOfOneMemoryHaveToFitTogether) {
  const int64_t free = MemoryBlock::AvailableBytes();
  if (free < 0) GTEST_SKIP() << "the machine does not say what memory is free";
  const Model model = OnTwo("cpu", "reference");
  const EngineOptions most = {.max_sequences = 1, .kv_tokens = free * 7 / 10 / model.info().kv_bytes_per_token};
  const absl::Status engine = Engine::Create(model, most).status();
  EXPECT_EQ(engine.code(), absl::StatusCode::kResourceExhausted) << engine;
  EXPECT_THAT(std::string(engine.message()), HasSubstr("reference:0: the KV cache needs"));

  bool read = false;
  LoadOptions options = Exact({.prefill_device = "cpu", .decode_device = "reference"});
  options.on_progress = [&](const LoadProgress& p) { read = read || p.stage == "reading weights"; };
  options.engine = most;
  const absl::Status load = Model::Load(kModel, options).status();
  EXPECT_EQ(load.code(), absl::StatusCode::kResourceExhausted) << load;
  EXPECT_THAT(std::string(load.message()), HasSubstr("all devices that use its memory need"));
  EXPECT_FALSE(read);
}

}  // namespace
}  // namespace concord
