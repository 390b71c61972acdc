// Whole models on simulated devices, through the embedding interface.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "concord/concord.h"
#include "tests/emulators/sim/path.h"

namespace concord::sim {
namespace {

std::vector<int32_t> Greedy(const std::vector<std::string>& devices, const std::string& place = "",
                            const std::string& golden = "llama/llama.gguf") {
  const std::string path = CONCORD_SOURCE_DIR "/tests/golden/" + golden;
  auto model = Model::Load(
      path,
      {.devices = devices, .place = place, .plugins = {CONCORD_SIM_PLUGIN}, .compute = "exact", .kv_type = "f32"});
  EXPECT_TRUE(model.ok()) << model.status();
  if (!model.ok()) return {};
  auto engine = Engine::Create(*model, {});
  EXPECT_TRUE(engine.ok()) << engine.status();
  Request request;
  for (int32_t i = 0; i < 40; ++i) request.prompt_tokens.push_back(i);
  request.sampling.temperature = 0;
  request.max_tokens = 12;
  auto stream = engine->Generate(request);
  EXPECT_TRUE(stream.ok()) << stream.status();
  std::vector<int32_t> ids;
  for (const Token& token : *stream) ids.push_back(token.id);
  EXPECT_TRUE(stream->status().ok()) << stream->status();
  return ids;
}

TEST(SimModel, SeveralDevicesWriteWhatTheCpuWrites) {
  const std::vector<int32_t> want = Greedy({"cpu"});
  EXPECT_FALSE(want.empty());
  for (const char* clock : {"clock=virtual", "clock=real"}) {
    const std::string config = std::string(clock) + "; devices=3; 1.kv_layout=kv.token_major/1; 2.refuse=rope";
    ::setenv("CONCORD_SIM", config.c_str(), 1);
    EXPECT_EQ(Greedy({"sim:0"}), want) << clock;
    EXPECT_EQ(Greedy({"sim:0", "sim:1"}, "layers 0=sim:0; *=sim:1"), want) << clock;
    EXPECT_EQ(Greedy({"sim:2", "cpu"}, "layers 0=sim:2; *=cpu"), want) << clock;
  }
  ::unsetenv("CONCORD_SIM");
}

// Experts on a device of their own, what is around them on another.
TEST(SimModel, ExpertsHaveAPlaceOfTheirOwn) {
  const std::string golden = "qwen3moe/qwen3moe.gguf", path = CONCORD_SOURCE_DIR "/tests/golden/" + golden;
  const std::vector<int32_t> want = Greedy({"cpu"}, "", golden);
  ASSERT_FALSE(want.empty());
  ::setenv("CONCORD_SIM", "clock=virtual; devices=2", 1);
  for (const char* place : {"experts=cpu; *=sim:0", "experts=sim:0; *=cpu", "experts=sim:0; *=sim:1",
                            "layers 0=cpu; experts=sim:0; *=sim:1"}) {
    const std::vector<std::string> devices = {"sim:0", "sim:1", "cpu"};
    EXPECT_EQ(Greedy(devices, place, golden), want) << place;
  }
  const auto plan = MakePlan(path, {.devices = {"sim:0", "cpu"},
                                    .place = "experts=cpu; *=sim:0",
                                    .plugins = {CONCORD_SIM_PLUGIN},
                                    .compute = "exact",
                                    .kv_type = "f32"});
  ::unsetenv("CONCORD_SIM");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->moved.empty());
  EXPECT_EQ(plan->place, "experts=cpu:0; *=sim:0");
  // Two layers have experts: 7 of three matrices of 20 by 32 in f32, and nothing else is on the CPU.
  for (const PlanDevice& device : plan->devices) {
    if (device.device != "cpu:0") continue;
    EXPECT_EQ(device.units, "experts");
    EXPECT_EQ(device.weight_bytes_mapped + device.weight_bytes_made, 2 * 7 * 3 * 20 * 32 * 4);
  }
  // Of each layer the normed row, 3 ids and 3 weights go there, and one row comes back.
  double bytes = 0;
  for (const PlanCut& cut : plan->cuts) bytes += cut.decode_bytes;
  EXPECT_EQ(bytes, static_cast<double>(plan->sequences) * 2 * 4 * (32 + 3 + 3 + 32));
}

// A device without the ops of experts runs the rest of the model, and the plan says why.
TEST(SimModel, ExpertsThatADeviceRefusesRunElsewhere) {
  ::setenv("CONCORD_SIM", "clock=virtual; refuse=moe_route,linear_experts,fused_linear_experts_glu,weighted_sum", 1);
  const std::string golden = "qwen3moe/qwen3moe.gguf", path = CONCORD_SOURCE_DIR "/tests/golden/" + golden;
  const auto plan = MakePlan(path, {.devices = {"sim:0", "cpu"},
                                    .place = "*=sim:0",
                                    .plugins = {CONCORD_SIM_PLUGIN},
                                    .compute = "exact",
                                    .kv_type = "f32"});
  const std::vector<int32_t> got = Greedy({"sim:0", "cpu"}, "*=sim:0", golden);
  ::unsetenv("CONCORD_SIM");
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_FALSE(plan->moved.empty());
  for (const PlanMovedOp& moved : plan->moved) {
    EXPECT_EQ(moved.device, "cpu:0");
    EXPECT_EQ(moved.wished, "sim:0");
    EXPECT_FALSE(moved.reason.empty());
  }
  EXPECT_EQ(got, Greedy({"cpu"}, "", golden));
}

// What a device with a layout of its own keeps is read by nobody else; that it finds it again past the end of a block
// is proven all the same.
TEST(SimModel, ALayoutThatFailsInTheSecondBlockIsCaught) {
  const char* set = std::getenv("CONCORD_CACHE_DIR");
  const std::string before = set == nullptr ? "" : set;
  ::setenv("CONCORD_CACHE_DIR", "", 1);  // what was proven of a device of this name is not remembered
  for (const char* kv_type : {"f32", "f16", "q8_0"}) {
    const auto load = [&](const char* fault) {
      ::setenv("CONCORD_SIM", absl::StrCat("kv_layout=kv.token_major/1", fault).c_str(), 1);
      const absl::Status status = Model::Load("synthetic:tiny:q8_0", {.devices = {"sim:0"},
                                                                      .plugins = {CONCORD_SIM_PLUGIN},
                                                                      .kv_type = kv_type,
                                                                      .context_tokens = 128,
                                                                      .canary = "full"})
                                      .status();
      ::unsetenv("CONCORD_SIM");
      return status;
    };
    const absl::Status caught = load("; state_fault=border");
    EXPECT_TRUE(absl::IsUnavailable(caught)) << caught;
    EXPECT_THAT(std::string(caught.message()),
                testing::HasSubstr("sim:0 computes wrongly: attention of layers.0 in f32 with 39 tokens, in states of "
                                   "two blocks: y: "));
    EXPECT_EQ(load(""), absl::OkStatus()) << kv_type;
  }
  set == nullptr ? ::unsetenv("CONCORD_CACHE_DIR") : ::setenv("CONCORD_CACHE_DIR", before.c_str(), 1);
}

// An op that a device refuses runs elsewhere: the log says so once, the plan too, and the time is counted.
TEST(SimModel, WhatIsRefusedRunsElsewhereAndIsCounted) {
  ::setenv("CONCORD_SIM", "clock=virtual; refuse=rope", 1);
  std::vector<std::string> warnings;
  LoadOptions options = {.devices = {"sim:0", "cpu"},
                         .place = "*=sim:0",
                         .plugins = {CONCORD_SIM_PLUGIN},
                         .compute = "exact",
                         .kv_type = "f32"};
  options.on_log = [&](LogLevel level, absl::string_view text) {
    if (level == LogLevel::kWarning) warnings.emplace_back(text);
  };
  const std::string path = CONCORD_SOURCE_DIR "/tests/golden/llama/llama.gguf";
  const auto plan = MakePlan(path, options);
  const auto model = Model::Load(path, options);
  ::unsetenv("CONCORD_SIM");
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], testing::HasSubstr("rope of layers.0 and 3 more run on cpu:0 instead of sim:0"));
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->moved.size(), 1u);
  EXPECT_EQ(plan->moved[0].device, "cpu:0");
  EXPECT_EQ(plan->moved[0].scopes.size(), 4u);
  auto engine = Engine::Create(*model, {});
  ASSERT_TRUE(engine.ok()) << engine.status();
  auto stream = engine->Generate({.prompt_tokens = {1, 2, 3}, .max_tokens = 4, .ignore_eos = true});
  while (stream->Next().has_value()) {
  }
  EXPECT_TRUE(stream->status().ok()) << stream->status();
  EXPECT_GT(engine->stats().off_device_seconds, 0);
  EXPECT_LT(engine->stats().off_device_seconds, engine->stats().device_seconds);
}

}  // namespace
}  // namespace concord::sim
