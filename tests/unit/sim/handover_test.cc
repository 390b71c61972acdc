// Hand-over of KV between simulated devices: what it takes in simulated time, where a host that converts costs nothing,
// and what comes of layouts of the devices' own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <numeric>
#include <tuple>

#include "runtime/exec/kv_handover.h"
#include "runtime/exec/kv_windows.h"
#include "runtime/exec/loaded_model.h"
#include "tests/emulators/sim/path.h"
#include "tests/emulators/sim/sim.h"

namespace concord::sim {
namespace {

LoadOptions Options(int64_t context) {
  return {.prefill_device = "sim:0",
          .decode_device = "sim:1",
          .plugins = {CONCORD_SIM_PLUGIN},
          .compute = "exact",
          .context_tokens = context};
}

// While one piece is written and read back, the next comes off the other device: only the first is waited for.
TEST(SimHandover, ReadsRunBesideWrites) {
  ::setenv("CONCORD_SIM", "devices=2; copy_bandwidth=1e9; copy_latency=10e-6", 1);
  constexpr int64_t kTokens = 256, kBlocks = 8;
  const auto model = exec::LoadedModel::Load("synthetic:tiny:q8_0", Options(kTokens)).value();
  ::unsetenv("CONCORD_SIM");
  const exec::StepCapacities sizes = {.n_tokens = 1, .n_blocks = kBlocks, .max_blocks = kBlocks};
  const auto from = exec::StepRunner::Create(model, sizes).value();
  const auto to = exec::StepRunner::Create(model->decoder(), sizes).value();
  const std::vector<exec::StepRunner::KvState> states = from->kv_states();
  for (const exec::StepRunner::KvState& state : states) {
    ASSERT_TRUE(state.buffer->Write(0, std::string(state.buffer->size_bytes(), '\x11')).ok());
  }
  const auto handover = exec::KvHandover::Create(*from, *to, kTokens).value();
  std::vector<int32_t> blocks(kBlocks);
  std::iota(blocks.begin(), blocks.end(), 0);
  const hal::Device& device = model->device();
  const auto& sim = *static_cast<const concord_sim_api*>(device.instance().GetExtension(CONCORD_SIM_EXTENSION));
  const uint64_t begin = sim.now_ns(device.get());
  ASSERT_TRUE(handover->Move(kTokens, blocks, blocks).ok());
  const double took = static_cast<double>(sim.now_ns(device.get()) - begin);
  const double copy = 10e3 + static_cast<double>(states[0].buffer->size_bytes());  // ns
  const auto n = static_cast<double>(states.size());
  EXPECT_NEAR(took, (1 + 2 * n) * copy, 0.01 * copy) << "one after the other: " << 3 * n * copy;
}

// The windows that a plan counts are those that are made, on either side, whether or not a device is the host's memory.
TEST(SimHandover, PlansCountTheWindows) {
  for (const char* config : {"devices=2", "devices=2; 0.host_memory=1", "devices=2; host_memory=1",
                             "devices=2; host_memory=1; 1.kv_layout=kv.token_major/1"}) {
    ::setenv("CONCORD_SIM", config, 1);
    for (const int64_t tokens : {int64_t{64}, int64_t{4096}}) {
      const auto model = exec::LoadedModel::Load("synthetic:tiny:q8_0", Options(tokens)).value();
      const exec::LoadedModel& decoder = *model->decoder();
      const exec::StepCapacities sizes = {.n_tokens = 1, .n_blocks = tokens / 32, .max_blocks = tokens / 32};
      const auto from = exec::StepRunner::Create(model, sizes).value();
      const auto to = exec::StepRunner::Create(model->decoder(), sizes).value();
      std::vector<exec::DeviceMemory> left(1), right(1);
      ASSERT_EQ(exec::AddWindows({&model->module(), &model->devices()}, {&decoder.module(), &decoder.devices()}, tokens,
                                 &left, &right),
                absl::OkStatus());
      const hal::HostServices& host = model->device().instance().host();
      const uint64_t before = host.allocated_bytes();
      const auto handover = exec::KvHandover::Create(*from, *to, tokens).value();
      EXPECT_EQ(static_cast<int64_t>(host.allocated_bytes() - before), left[0].staging + right[0].staging) << config;
    }
    ::unsetenv("CONCORD_SIM");
  }
}

constexpr char kTokenMajor[] = "kv_layout=kv.token_major/1";

// A model whose devices CONCORD_SIM describes.
absl::StatusOr<Model> Load(const std::string& config, const std::string& path, LoadOptions options) {
  ::setenv("CONCORD_SIM", config.c_str(), 1);
  options.plugins = {CONCORD_SIM_PLUGIN}, options.compute = "exact";
  absl::StatusOr<Model> model = Model::Load(path, options);
  ::unsetenv("CONCORD_SIM");
  return model;
}

struct Answer {
  std::vector<int32_t> ids;
  absl::Status status;
  int64_t handovers = 0;
};

Answer Greedy(const absl::StatusOr<Model>& model) {
  if (!model.ok()) return {{}, model.status()};
  auto engine = Engine::Create(*model, {});
  if (!engine.ok()) return {{}, engine.status()};
  Request request = {.max_tokens = 24};
  for (int32_t i = 0; i < 45; ++i) request.prompt_tokens.push_back(1 + i * 7 % 90);
  request.sampling.temperature = 0, request.ignore_eos = true;
  Stream stream = *engine->Generate(request);
  Answer answer;
  for (const Token& token : stream) answer.ids.push_back(token.id);
  answer.status = stream.status();
  answer.handovers = engine->stats().handovers;
  return answer;
}

// Every pair of places in which a layout of a device's own can stand, and none.
void ExpectTheTextOfOneDevice(const std::string& path, const char* kv_type) {
  const Answer want = Greedy(Load("", path, {.devices = {"cpu"}, .kv_type = kv_type}));
  ASSERT_EQ(want.ids.size(), 24u) << want.status;
  const std::string first = absl::StrCat("devices=2; 0.", kTokenMajor), both = absl::StrCat("devices=2; ", kTokenMajor);
  for (const auto& [config, from, to] :
       {std::tuple(first, "sim:0", "cpu"),
        {first, "cpu", "sim:0"},
        {first, "sim:0", "sim:1"},
        {first, "sim:1", "sim:0"},
        {both, "sim:0", "sim:1"},
        {both + "; host_memory=1", "sim:0", "cpu"},
        {both + "; 1.host_memory=1; clock=real; launch=0; submit=0", "cpu", "sim:1"}}) {
    for (const int64_t block : {32, 5}) {
      const LoadOptions options = {
          .prefill_device = from, .decode_device = to, .kv_type = kv_type, .decode_kv_block_tokens = block};
      const Answer got = Greedy(Load(config, path, options));
      const std::string what = absl::StrCat(config, ", ", from, " to ", to, ", blocks of ", block);
      EXPECT_EQ(got.status, absl::OkStatus()) << what;
      EXPECT_EQ(got.ids, want.ids) << what;
      EXPECT_EQ(got.handovers, 1) << what;
    }
  }
}

TEST(SimHandover, OwnLayoutsGiveTheTextOfOneDevice) {
  ExpectTheTextOfOneDevice(CONCORD_SOURCE_DIR "/tests/golden/qwen3/qwen3.gguf", "f32");
}

TEST(SimHandover, OwnLayoutsGiveTheTextOfOneDeviceOfARealModel) {
  const std::string path = CONCORD_SHARED_DIR "/data/stories260K.gguf";
  if (!std::ifstream(path)) GTEST_SKIP() << "there is no " << path;
  ExpectTheTextOfOneDevice(path, "f16");
}

// A block is 32 tokens, so that a state of 45 goes in one import of two that follow each other: layers.N.kv.k and then
// layers.N.kv.v, in the order of layers.
TEST(SimHandover, ACorruptImportNamesItsLayer) {
  for (const auto& [import, state] : {std::pair(1, "layers.0.kv.k"), std::pair(4, "layers.1.kv.v")}) {
    const std::string config = absl::StrCat("devices=2; 1.corrupt_import=", import, "; ", kTokenMajor);
    const auto model = Load(config, "synthetic:tiny:q8_0",
                            {.prefill_device = "sim:0", .decode_device = "sim:1", .context_tokens = 128});
    const Answer hit = Greedy(model);
    EXPECT_EQ(hit.status.code(), absl::StatusCode::kDataLoss) << hit.status;
    EXPECT_THAT(std::string(hit.status.message()),
                testing::HasSubstr(absl::StrCat("KV hand-over: ", state, " of tokens 0 to 31 reads back from sim:1")));
    EXPECT_EQ(hit.ids.size(), 1u);  // that of the prefill device
    EXPECT_EQ(Greedy(model).status, absl::OkStatus()) << "the next request";
  }
}

TEST(SimHandover, ALayoutThatOnlyItsDeviceKnowsIsRefused) {
  const auto model = Load(absl::StrCat("devices=2; 1.state_moves=0; 1.", kTokenMajor), "synthetic:tiny:q8_0",
                          {.prefill_device = "sim:0", .decode_device = "sim:1", .context_tokens = 64});
  ASSERT_TRUE(model.ok()) << model.status();
  const absl::Status status = Engine::Create(*model, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("sim:1 keeps layers.0.kv.k as 'kv.token_major/1' and cannot hand it over (sim:1: "));
}

}  // namespace
}  // namespace concord::sim
