// What a hand-over of KV takes in simulated time, where a host that converts costs nothing: copies alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>

#include "runtime/exec/kv_handover.h"
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

TEST(SimHandover, AnOwnLayoutIsRefused) {
  ::setenv("CONCORD_SIM", "devices=2; 1.kv_layout=kv.token_major/1", 1);
  const auto model = Model::Load("synthetic:tiny:q8_0", Options(64));
  ::unsetenv("CONCORD_SIM");
  ASSERT_TRUE(model.ok()) << model.status();
  const absl::Status status = Engine::Create(*model, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()),
              testing::HasSubstr("sim:1 keeps layers.0.kv.k as 'kv.token_major/1', which only it can read"));
}

}  // namespace
}  // namespace concord::sim
