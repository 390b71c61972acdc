// Models on a device with memory of its own that takes weights in f32, f16 and q8_0 only (tests/emulators/discrete).
// It computes as the reference device does, so results are equal to the last bit where the weights are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "concord/concord.h"
#include "concord/fault.h"
#include "runtime/exec/loaded_model.h"
#include "tests/emulators/discrete/path.h"
#include "tests/unit/exec/token_ids.h"

namespace concord {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Model Load(const std::string& path, const char* device, LoadOptions options = {}) {
  options.devices = {device};
  options.plugins = {CONCORD_DISCRETE_PLUGIN};
  absl::StatusOr<Model> model = Model::Load(path, options);
  EXPECT_TRUE(model.ok()) << model.status();
  return *model;
}

// Greedy ids of five requests at once, with prompts of odd lengths in small pieces.
std::vector<std::vector<int32_t>> Greedy(const Model& model) {
  auto engine = Engine::Create(model, {.max_tokens_in_flight = 13, .max_sequences = 3, .kv_tokens = 200});
  EXPECT_TRUE(engine.ok()) << engine.status();
  std::vector<Stream> streams;
  for (int r = 0; r < 5; ++r) {
    Request request;
    for (int i = 0; i < 1 + 11 * r; ++i) request.prompt_tokens.push_back((i * 37 + r * 101 + 5) % 256);
    request.max_tokens = 30;
    request.ignore_eos = true;
    request.sampling.temperature = 0;
    streams.push_back(*engine->Generate(request));
  }
  return TokenIds(std::move(streams));
}

std::vector<float> Logits(const Model& model) {
  auto engine = Engine::Create(model, {});
  EXPECT_TRUE(engine.ok()) << engine.status();
  std::vector<int32_t> tokens;
  for (int i = 0; i < 45; ++i) tokens.push_back((i * 29 + 3) % 256);
  std::vector<float> all;
  const absl::Status status = engine->Score(tokens, [&](int64_t, int64_t count, const float* logits) {
    all.insert(all.end(), logits, logits + count * model.info().n_vocab);
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return all;
}

TEST(DiscreteDevice, GreedyTextIsThatOfTheReference) {
  for (const char* path : {"synthetic:tiny:q8_0", "synthetic:tiny:f16", ""}) {
    const auto want = Greedy(Load(path, "reference", {.context_tokens = 128}));
    EXPECT_EQ(Greedy(Load(path, "discrete", {.context_tokens = 128})), want) << path;
    EXPECT_EQ(want[4].size(), 30u);
  }
}

TEST(DiscreteDevice, EveryKvTypeGivesTheReferencesLogits) {
  for (const char* kv : {"f32", "f16", "bf16", "q8_0"}) {
    const LoadOptions options = {.kv_type = kv, .context_tokens = 64};
    EXPECT_EQ(Logits(Load("synthetic:tiny:q8_0", "discrete", options)),
              Logits(Load("synthetic:tiny:q8_0", "reference", options)))
        << kv;
  }
}

// Requests on a card that breaks in mid-answer: they end with a reason, and nothing else does.
class BrokenCard : public testing::Test {
 protected:
  static Request Endless() {
    Request request;
    request.prompt_tokens = {1, 2, 3};
    request.ignore_eos = true;
    request.sampling.temperature = 0;
    request.max_tokens = 2000;
    return request;
  }
  // Breaks the card with `breaks` after some tokens of a request; how the request ended.
  template <typename Breaks>
  absl::Status EndOfRequest(Breaks breaks) {
    const hal::Device& device = model_.impl()->loaded->device();
    const auto* faults = static_cast<const concord_fault_api*>(device.instance().GetExtension(CONCORD_FAULT_EXTENSION));
    Stream stream = *engine_.Generate(Endless());
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(stream.Next().has_value());
    EXPECT_EQ(breaks(*faults, device.get()), CONCORD_OK);
    while (stream.Next().has_value()) {
    }
    EXPECT_EQ(stream.result().finish_reason, FinishReason::kError);
    return stream.status();
  }

  Model model_ = Load("synthetic:tiny:f16", "discrete", {.context_tokens = 4096});
  Engine engine_ = *Engine::Create(model_, {.max_sequences = 1});
};

TEST_F(BrokenCard, WorkThatFailsNamesItsOp) {
  const absl::Status status = EndOfRequest(
      [](const concord_fault_api& faults, concord_device* device) { return faults.fail_execution(device, nullptr); });
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("discrete:0"), HasSubstr("in op 0 (embed")));
  // The engine lives on.
  Request request = Endless();
  request.max_tokens = 4;
  Stream next = *engine_.Generate(request);
  int tokens = 0;
  while (next.Next().has_value()) ++tokens;
  EXPECT_EQ(tokens, 4);
  EXPECT_TRUE(next.status().ok()) << next.status();
}

TEST_F(BrokenCard, ALostCardFailsItsRequestsAndNoOthers) {
  const Model other = Load("synthetic:tiny:f16", "cpu", {.context_tokens = 128});
  const absl::Status status = EndOfRequest(
      [](const concord_fault_api& faults, concord_device* device) { return faults.lose_device(device, nullptr); });
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("discrete:0"), HasSubstr("the card was lost")));
  Stream again = *engine_.Generate(Endless());  // a reason again, and no hang
  while (again.Next().has_value()) {
  }
  EXPECT_TRUE(absl::IsUnavailable(again.status())) << again.status();
  EXPECT_EQ(Greedy(other)[0].size(), 30u);
}

TEST(DiscreteDevice, RefusedPackingsAreDecodedAndReported) {
  std::vector<std::string> warnings;
  LoadOptions options = {.compute = "exact", .context_tokens = 64};
  options.on_log = [&](LogLevel level, absl::string_view message) {
    if (level == LogLevel::kWarning) warnings.emplace_back(message);
  };
  const Model model = Load("synthetic:tiny:q4_k_m", "discrete", options);
  const exec::LoadedModel& loaded = *model.impl()->loaded;
  int64_t extra = 0, grown = 0, matrices = 0;
  for (const exec::DecodedWeight& weight : loaded.parts()[0]->decoded) {
    EXPECT_STREQ(weight.to->name, "f16") << weight.name;
    EXPECT_THAT(weight.from->name, testing::AnyOf(std::string("q4_k"), std::string("q6_k"))) << weight.name;
    extra += weight.extra_bytes;
  }
  const graph::Module& module = loaded.parts()[0]->module;
  for (const graph::Weight& weight : module.weights) {
    const ops::TensorType& type = module.main.value(weight.value).type;
    if (type.rank() != 2) continue;
    ++matrices;
    EXPECT_STREQ(type.packing->name, "f16");
    grown += type.packing->Bytes(type.dims[0].value * type.dims[1].value) -
             loaded.source().Find(weight.source.tensor)->size_bytes;
  }
  EXPECT_EQ(static_cast<int64_t>(loaded.parts()[0]->decoded.size()), matrices);
  EXPECT_EQ(extra, grown);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr(absl::StrCat(matrices, " tensors decoded to f16 for discrete:0: +")));
  EXPECT_THAT(warnings[0], HasSubstr("takes weights in f32, f16 and q8_0, not q"));
  // Nothing of it was kept beside the device's copies.
  EXPECT_EQ(loaded.parts()[0]->weights->made_bytes(), model.info().weight_bytes);

  const std::vector<float> got = Logits(model);
  const std::vector<float> want = Logits(Load("synthetic:tiny:q4_k_m", "reference", options));
  ASSERT_EQ(got.size(), want.size());
  float largest = 0, off = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    largest = std::max(largest, std::abs(want[i]));
    off = std::max(off, std::abs(got[i] - want[i]));
  }
  EXPECT_GT(off, 0);
  EXPECT_LE(off, 0x1p-9f * largest);  // weights are rounded by at most 2^-11; two layers
}

TEST(DiscreteDevice, NothingIsDecodedThatTheDeviceTakes) {
  EXPECT_TRUE(Load("synthetic:tiny:q8_0", "discrete").impl()->loaded->parts()[0]->decoded.empty());
  EXPECT_TRUE(Load("synthetic:tiny:q4_k_m", "reference").impl()->loaded->parts()[0]->decoded.empty());
}

}  // namespace
}  // namespace concord
