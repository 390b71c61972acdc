// Models over several devices: an emulated card (tests/emulators/discrete) that computes as the reference device does,
// so that a split gives the reference's results to the last bit; it works on a thread of its own, so that long steps go
// through in pieces.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "concord/concord.h"
#include "concord/fault.h"
#include "runtime/exec/loaded_model.h"
#include "runtime/exec/micro_batch.h"
#include "runtime/exec/step_runner.h"
#include "tests/emulators/discrete/path.h"
#include "tests/unit/exec/token_ids.h"

namespace concord {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

LoadOptions Placed(const std::string& place) {
  return {.place = place, .plugins = {CONCORD_DISCRETE_PLUGIN}, .compute = "exact", .context_tokens = 512};
}

Model Load(const std::string& path, const std::string& place) {
  absl::StatusOr<Model> model = Model::Load(path, Placed(place));
  EXPECT_TRUE(model.ok()) << model.status();
  return *model;
}

constexpr char kSplits[][80] = {"layers 0=discrete; *=reference", "layers 1=discrete; *=reference",
                                "*=discrete; output=reference",
                                "embed=reference; layers 0=discrete; layers 1=reference; "
                                "output=discrete"};

// Greedy ids of requests whose prompts are cut into pieces in all ways: short, of several pieces, several in a step.
std::vector<std::vector<int32_t>> Greedy(const Model& model) {
  auto engine = Engine::Create(model, {.max_tokens_in_flight = 400, .max_sequences = 4, .kv_tokens = 1600});
  EXPECT_TRUE(engine.ok()) << engine.status();
  std::vector<Stream> streams;
  for (const int length : {1, 150, 301, 67}) {
    Request request;
    for (int i = 0; i < length; ++i) request.prompt_tokens.push_back((i * 37 + length * 11 + 5) % 256);
    request.max_tokens = 6;
    request.ignore_eos = true;
    request.sampling.temperature = 0;
    streams.push_back(*engine->Generate(request));
  }
  return TokenIds(std::move(streams));
}

TEST(SplitModel, GreedyTextIsThatOfOneDevice) {
  const auto want = Greedy(Load("synthetic:tiny:q8_0", "*=reference"));
  EXPECT_EQ(want[3].size(), 6u);
  for (const char* split : {kSplits[0], kSplits[3]})
    EXPECT_EQ(Greedy(Load("synthetic:tiny:q8_0", split)), want) << split;
}

// One step with long prompts, in pieces, against the same step whole: the logits' bits, and the KV behind them.
TEST(SplitModel, PiecesOfAStepGiveTheBitsOfTheWhole) {
  const auto logits = [](const char* place) {
    auto model = exec::LoadedModel::Load("synthetic:tiny:q8_0", Placed(place)).value();
    const exec::StepCapacities sizes = {.n_tokens = 300, .n_seqs = 3, .n_outputs = 5, .n_blocks = 30, .max_blocks = 10};
    auto runner = exec::StepRunner::Create(model, sizes).value();
    std::vector<int32_t> tokens;
    for (int i = 0; i < 300; ++i) tokens.push_back((i * 53 + 1) % 256);
    exec::StepBatch batch;
    batch.Reserve(300, 3, 5, 10);
    std::vector<float> all;
    // Twice, so that the second step reads keys of the first.
    for (const int64_t first : {0, 97}) {
      batch.Clear();
      for (int32_t s = 0; s < 3; ++s) {
        std::vector<int32_t> blocks;
        for (int32_t b = 0; b < 10; ++b) blocks.push_back(s * 10 + b);
        batch.Add(tokens.data(), first, first == 0 ? 97 : 97 - 20 * s, blocks, model->block_tokens());
        batch.output_rows.push_back(static_cast<int32_t>(batch.tokens.size()) - 1);
      }
      EXPECT_TRUE(runner->Run(batch).ok());
      EXPECT_EQ(runner->logits().size(), 3u);
      for (const float* row : runner->logits()) all.insert(all.end(), row, row + model->n_vocab());
    }
    return all;
  };
  const std::vector<float> want = logits("*=reference");
  for (const char* split : kSplits) EXPECT_EQ(logits(split), want) << split;
}

TEST(SplitModel, SlicesOfABatchAddUp) {
  exec::StepBatch whole, piece;
  whole.Reserve(40, 4, 4, 2);
  std::vector<int32_t> tokens(40, 7);
  whole.Add(tokens.data(), 5, 1, {3}, 32);
  whole.Add(tokens.data(), 0, 20, {1}, 32);
  whole.Add(tokens.data(), 30, 7, {0, 2}, 32);
  whole.output_rows = {0, 27};
  exec::SliceBatch(whole, 10, 15, &piece);
  EXPECT_EQ(piece.tokens.size(), 15u);
  EXPECT_EQ(piece.positions.front(), 9);
  EXPECT_EQ(piece.q_start, (std::vector<int32_t>{0, 11, 15}));
  EXPECT_EQ(piece.kv_len, (std::vector<int32_t>{20, 34}));
  EXPECT_EQ(piece.block_table, (std::vector<int32_t>{1, -1, 0, 2}));
  EXPECT_TRUE(piece.output_rows.empty());
  exec::SliceBatch(whole, 25, 3, &piece);
  EXPECT_EQ(piece.kv_len, (std::vector<int32_t>{37}));
  EXPECT_EQ(piece.output_rows, (std::vector<int32_t>{2}));
}

TEST(SplitModel, WeightsAndStatesLieOnceOnTheirDevice) {
  const Model split = Load("synthetic:tiny:q8_0", "layers 0=discrete; *=reference");
  const exec::LoadedModel& loaded = *split.impl()->loaded;
  ASSERT_EQ(loaded.parts().size(), 3u);
  EXPECT_EQ(loaded.parts()[0]->weights, loaded.parts()[2]->weights);  // the embedding is the head too
  EXPECT_EQ(split.info().device, "discrete:0, reference:0");
  // Only what both devices read is there twice: the rope table.
  const Model one = Load("synthetic:tiny:q8_0", "*=reference");
  EXPECT_LE(split.info().weight_bytes, one.info().weight_bytes + 256);
  EXPECT_EQ(split.info().kv_bytes_per_token, one.info().kv_bytes_per_token);
}

TEST(SplitModel, WhatCannotBePlacedIsSaid) {
  const auto error = [](const std::string& place) {
    return std::string(Model::Load("synthetic:tiny:q8_0", Placed(place)).status().message());
  };
  EXPECT_THAT(error("layers 0-9=discrete"), HasSubstr("nothing is said of 'embed'"));
  EXPECT_THAT(error("layers 7=discrete; *=cpu"), AllOf(HasSubstr("names nothing"), HasSubstr("layers 0 to 1")));
  EXPECT_THAT(error("layers 0=tpu:3; *=cpu"), HasSubstr("there is no device 'tpu:3'"));
  EXPECT_THAT(error("layers=cpu"), HasSubstr("want 'layers N'"));
}

// The card breaks in mid-answer: the request ends with a reason, and the engine goes on.
TEST(SplitModel, AFaultOfOneDeviceEndsTheRequestAlone) {
  const Model model = Load("synthetic:tiny:q8_0", "layers 1=discrete; *=reference");
  Engine engine = *Engine::Create(model, {});
  const hal::Device& card = *model.impl()->loaded->devices()[0];
  ASSERT_EQ(card.id(), "discrete:0");
  const auto* faults = static_cast<const concord_fault_api*>(card.instance().GetExtension(CONCORD_FAULT_EXTENSION));
  const Request request = {
      .prompt_tokens = {1, 2, 3}, .sampling = {.temperature = 0}, .max_tokens = 200, .ignore_eos = true};
  Stream broken = *engine.Generate(request);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(broken.Next().has_value());
  ASSERT_EQ(faults->fail_execution(card.get(), nullptr), CONCORD_OK);
  while (broken.Next().has_value()) {
  }
  EXPECT_EQ(broken.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(broken.status().message()), HasSubstr("discrete"));
  Stream next = *engine.Generate(request);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(next.Next().has_value());
  ASSERT_EQ(faults->lose_device(card.get(), nullptr), CONCORD_OK);
  while (next.Next().has_value()) {
  }
  EXPECT_EQ(next.status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace concord
