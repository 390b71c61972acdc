// Plans against the truth of simulated devices, whose time and memory are exact.
#include <numeric>

#include "runtime/exec/planner.h"
#include "runtime/exec/step_runner.h"
#include "tests/unit/sim/sim_testing.h"

namespace concord::sim {
namespace {

using exec::Planner;

constexpr char kModel[] = "synthetic:tiny:q8_0";  // two layers
constexpr int64_t kContext = 1024;

// What CONCORD_SIM says of each device, as a probe would have found it.
struct Speed {
  double bandwidth, flops, launch = 2e-6, submit = 10e-6, copy_bandwidth = 10e9, copy_latency = 5e-6;
  int64_t memory = int64_t{1} << 34;
};

std::string Config(const std::vector<Speed>& speeds) {
  std::string text = absl::StrCat("devices=", speeds.size(), ";");
  for (size_t d = 0; d < speeds.size(); ++d) {
    const Speed& s = speeds[d];
    for (const auto& [key, value] : {std::pair("bandwidth", s.bandwidth),
                                     {"flops", s.flops},
                                     {"launch", s.launch},
                                     {"submit", s.submit},
                                     {"copy_bandwidth", s.copy_bandwidth},
                                     {"copy_latency", s.copy_latency}}) {
      absl::StrAppend(&text, d, ".", key, "=", value, ";");
    }
    absl::StrAppend(&text, d, ".memory=", s.memory, ";");
  }
  return text;
}

graph::DeviceModel ModelOf(const Speed& s, const std::string& id) {
  graph::DeviceModel model{.id = id,
                           .op_seconds = s.launch,
                           .submission_seconds = s.submit,
                           .copy_seconds = s.copy_latency,
                           .copy_bytes_per_second = s.copy_bandwidth,
                           .free_bytes = s.memory,
                           .async = true};
  model.rates[""] = {s.bandwidth, s.flops};
  return model;
}

class PlannerTest : public SimTest {
 protected:
  void Devices(const std::vector<Speed>& speeds) {
    Start(Config(speeds));
    models_.clear();
    for (size_t d = 0; d < speeds.size(); ++d) models_.push_back(ModelOf(speeds[d], absl::StrCat("sim:", d)));
  }
  std::vector<std::shared_ptr<hal::Device>> All() const {
    std::vector<std::shared_ptr<hal::Device>> all;
    for (size_t d = 0; d < models_.size(); ++d) all.push_back(device_ptr(d));
    return all;
  }
  std::unique_ptr<Planner> Plan(const LoadOptions& options, const EngineOptions& engine = {.max_sequences = 1}) {
    auto planner = Planner::Make(*loader::Open(kModel), All(), models_, options, engine);
    EXPECT_TRUE(planner.ok()) << planner.status();
    return planner.ok() ? *std::move(planner) : nullptr;
  }
  // A model and what runs its steps, placed as `place` says.
  std::unique_ptr<exec::StepRunner> Run(const std::string& place, int64_t tokens, int64_t seqs = 1) {
    model_ = *exec::LoadedModel::Load(*loader::Open(kModel), All(), {.place = place, .context_tokens = kContext});
    blocks_ = kContext / model_->block_tokens();
    auto runner = exec::StepRunner::Create(
        model_,
        {.n_tokens = tokens, .n_seqs = seqs, .n_outputs = seqs, .n_blocks = seqs * blocks_, .max_blocks = blocks_});
    EXPECT_TRUE(runner.ok()) << runner.status();
    return *std::move(runner);
  }
  // How long a step of this thread takes: so many tokens of one sequence behind `first`.
  double SecondsOf(exec::StepRunner& runner, int64_t first, int64_t count) {
    std::vector<int32_t> tokens(kContext, 3), table(blocks_);
    for (int64_t b = 0; b < blocks_; ++b) table[b] = static_cast<int32_t>(b);
    exec::StepBatch batch;
    batch.Reserve(count, 1, 1, blocks_);
    batch.Add(tokens.data(), first, count, table, model_->block_tokens());
    batch.output_rows.push_back(static_cast<int32_t>(count) - 1);
    const uint64_t before = Now();
    EXPECT_EQ(runner.Run(batch), absl::OkStatus());
    return static_cast<double>(Now() - before) * 1e-9;
  }

  std::vector<graph::DeviceModel> models_;
  std::shared_ptr<const exec::LoadedModel> model_;
  int64_t blocks_ = 0;
};

constexpr Speed kFast = {.bandwidth = 100e9, .flops = 1e12}, kSlow = {.bandwidth = 20e9, .flops = 100e9};

// A decode step takes what was said, to the rounding of each piece of work to a nanosecond.
TEST_F(PlannerTest, DecodeTakesWhatThePlanSays) {
  for (const char* place :
       {"*=sim:0", "*=sim:1", "layers 0=sim:0; *=sim:1", "embed=sim:1; layers 0-1=sim:0; output=sim:1"}) {
    Devices({kFast, kSlow});
    const auto planner =
        Plan({.place = place, .context_tokens = kContext}, {.max_tokens_in_flight = 1, .max_sequences = 1});
    const auto runner = Run(place, 1);
    for (const int64_t kv_len : {int64_t{1}, int64_t{37}, kContext}) {
      const auto predicted = planner->Predict({.kv_len = kv_len});
      ASSERT_TRUE(predicted.ok());
      EXPECT_NEAR(SecondsOf(*runner, kv_len - 1, 1), predicted->seconds, 200e-9) << place << " with " << kv_len;
    }
  }
}

// A long prompt goes through two devices in pieces that overlap: as long as the plan says, and less than without.
TEST_F(PlannerTest, PiecesOverlapAsThePlanSays) {
  const char* place = "layers 0=sim:0; *=sim:1";
  // The second layer computes keys and values for all tokens and the rest for the last alone: a slower device will do.
  Devices({kSlow, {.bandwidth = 10e9, .flops = 50e9}});
  const auto planner =
      Plan({.place = place, .context_tokens = kContext}, {.max_tokens_in_flight = 512, .max_sequences = 1});
  const auto runner = Run(place, 512);
  const double took = SecondsOf(*runner, 0, 512);
  const auto predicted = planner->Predict({.tokens = 512, .kv_len = 256});
  ASSERT_TRUE(predicted.ok());
  // The plan takes the keys that a token sees for those of an average one; the simulated device, of the last.
  EXPECT_NEAR(took, predicted->seconds, 0.05 * predicted->seconds);
  const std::vector<double>& parts = predicted->part_seconds;
  EXPECT_LT(took, 0.65 * std::accumulate(parts.begin(), parts.end(), 0.0));
}

TEST_F(PlannerTest, OneDeviceThatHoldsAllIsChosenWhereASplitIsNoFaster) {
  Devices({kSlow, kFast});
  const auto plan = Plan({.context_tokens = kContext})->MakePlan();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->place, "*=sim:1");
  ASSERT_GE(plan->alternatives.size(), 3u);
  EXPECT_THAT(plan->remarks.at(0), testing::AllOf(testing::HasSubstr("*=sim:1"), testing::HasSubstr("the best split")));
  for (size_t a = 1; a < plan->alternatives.size(); ++a) {
    EXPECT_LE(plan->alternatives[0].seconds, plan->alternatives[a].seconds);
  }
}

TEST_F(PlannerTest, ASplitIsChosenWherePromptsOverlap) {
  Devices({kFast, kFast});
  const auto plan = Plan({.optimize_for = "prompt", .context_tokens = kContext})->MakePlan();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(plan->place, testing::AllOf(testing::HasSubstr("sim:0"), testing::HasSubstr("sim:1")));
  EXPECT_EQ(Plan({.context_tokens = kContext})->MakePlan()->place, "*=sim:0");  // one token at a time does not
}

// What is refused does not fit, and what is accepted runs: with as much memory as the plan wants, and one byte less.
TEST_F(PlannerTest, MemoryIsWhatThePlanSays) {
  Devices({kFast});
  const EngineOptions engine = {.max_tokens_in_flight = 64, .max_sequences = 2};
  const auto needed = Plan({.context_tokens = kContext}, engine)->MemoryFor(kContext, 1);
  ASSERT_TRUE(needed.ok());
  const auto loads = [&](int64_t memory) {
    Speed limited = kFast;
    limited.memory = memory;
    Devices({limited});
    auto model = exec::LoadedModel::Load(*loader::Open(kModel), All(), {.context_tokens = kContext});
    if (!model.ok()) return model.status();
    const int64_t blocks = kContext / (*model)->block_tokens();
    return exec::StepRunner::Create(
               *model, {.n_tokens = 64, .n_seqs = 1, .n_outputs = 32, .n_blocks = blocks, .max_blocks = blocks})
        .status();
  };
  int64_t low = 0, high = int64_t{1} << 30;  // the least that does
  while (low + 1 < high) {
    const int64_t middle = (low + high) / 2;
    (loads(middle).ok() ? high : low) = middle;
  }
  EXPECT_EQ(loads(low).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(needed->at(0).on_device(), high);
}

// To the byte: what each device holds, and what the host holds beside it to copy through. The simulation takes all of
// it from the host.
TEST_F(PlannerTest, StagingIsPartOfTheMemory) {
  for (const char* place :
       {"*=sim:0", "layers 0=sim:0; *=sim:1", "embed=sim:1; layers 0=sim:0; layers 1=sim:1; output=sim:0"}) {
    Devices({kFast, kSlow});
    const EngineOptions engine = {.max_tokens_in_flight = 64, .max_sequences = 2};
    const auto planner = Plan({.place = place, .context_tokens = kContext}, engine);
    const std::vector<exec::DeviceMemory> needed = *planner->MemoryFor(kContext, 2);
    const uint64_t before = device().instance().host().allocated_bytes();
    model_ = *exec::LoadedModel::Load(*loader::Open(kModel), All(), {.place = place, .context_tokens = kContext});
    EngineOptions both = engine;
    both.kv_tokens = 2 * kContext;
    const auto runner =
        exec::StepRunner::Create(model_, *exec::CapacitiesFor(both, kContext, model_->block_tokens())).value();
    int64_t resident = 0;
    for (size_t d = 0; d < needed.size(); ++d) {
      EXPECT_EQ(static_cast<int64_t>(device(d).MemoryStats()->used_bytes), needed[d].on_device()) << place << " " << d;
      EXPECT_EQ(needed[d].staging, needed[d].io) << d;
      resident += needed[d].resident();
    }
    const auto taken = static_cast<int64_t>(device().instance().host().allocated_bytes() - before);
    EXPECT_NEAR(taken, resident, needed.size()) << place;  // a workspace of nothing takes a byte
    model_ = nullptr;
  }
}

TEST_F(PlannerTest, WhatFitsNowhereAloneIsSplit) {
  Speed small = kFast;
  small.memory = 1800 << 10;
  Devices({small, small});
  const auto planner = Plan({.context_tokens = kContext}, {.max_tokens_in_flight = 8, .max_sequences = 1});
  const auto plan = planner->MakePlan();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->fits);
  EXPECT_THAT(plan->remarks.at(0), testing::HasSubstr("it fits on no device alone"));
  auto model =
      exec::LoadedModel::Load(*loader::Open(kModel), All(), {.place = plan->place, .context_tokens = kContext});
  EXPECT_TRUE(model.ok()) << model.status();
}

TEST_F(PlannerTest, WhatDoesNotFitAtAllSaysWhatWould) {
  Speed small = kFast;
  small.memory = 1700 << 10;
  Devices({small});
  const auto plan = Plan({.context_tokens = kContext}, {.max_tokens_in_flight = 8, .max_sequences = 4})->MakePlan();
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_FALSE(plan->fits);
  EXPECT_LT(plan->largest_context, kContext);
  ASSERT_FALSE(plan->advice.empty());
  EXPECT_THAT(plan->advice[0], testing::HasSubstr("--context "));
}

// Weights that are used in the file may exceed memory, at the disk's speed.
TEST(DiskBound, WeightsLargerThanMemoryAreReadAgainInEveryStep) {
  const std::string path = CONCORD_SOURCE_DIR "/tests/golden/llama/llama.gguf";
  hal::DeviceRegistry registry = hal::DeviceRegistry::Discover({});
  const std::shared_ptr<hal::Device> cpu = *registry.Open("cpu");
  const LoadOptions options = {.context_tokens = 32};
  const EngineOptions engine = {.max_tokens_in_flight = 1, .max_sequences = 1};
  const auto plan = [&](int64_t free) {
    graph::DeviceModel model{.id = "cpu:0", .free_bytes = free, .host_memory = true};
    model.rates[""] = {1e9, 1e9};
    return *(*Planner::Make(*loader::Open(path), {cpu}, {model}, options, engine))->MakePlan();
  };
  const ::concord::Plan roomy = plan(int64_t{1} << 40);
  const int64_t resident = roomy.devices[0].resident_bytes(), mapped = roomy.devices[0].weight_bytes_mapped;
  ASSERT_GT(mapped, 0);
  EXPECT_TRUE(roomy.remarks.empty());
  EXPECT_TRUE(plan(resident + mapped).remarks.empty());
  const ::concord::Plan tight = plan(resident + mapped - 1);
  EXPECT_TRUE(tight.fits);
  ASSERT_EQ(tight.remarks.size(), 1u);
  EXPECT_THAT(tight.remarks[0], testing::HasSubstr("every step reads them from the disk"));
  EXPECT_FALSE(plan(resident - 1).fits);
}

}  // namespace
}  // namespace concord::sim
