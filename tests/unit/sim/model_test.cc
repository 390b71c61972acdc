// Whole models on simulated devices, through the embedding interface.
#include <gtest/gtest.h>

#include <cstdlib>

#include "concord/concord.h"
#include "tests/emulators/sim/path.h"

namespace concord::sim {
namespace {

std::vector<int32_t> Greedy(const std::vector<std::string>& devices, const std::string& place = "") {
  const std::string path = CONCORD_SOURCE_DIR "/tests/golden/llama/llama.gguf";
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

}  // namespace
}  // namespace concord::sim
