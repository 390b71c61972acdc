// Commands on the simulated devices of tests/emulators/sim.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/e2e/program.h"
#include "tests/emulators/sim/path.h"

namespace concord::e2e {
namespace {

using testing::HasSubstr;

class SimDevice : public testing::Test {
 protected:
  ~SimDevice() override { ::unsetenv("CONCORD_SIM"); }
  static void Simulate(const char* config) { ::setenv("CONCORD_SIM", config, 1); }
  static Outcome OnSim(std::vector<std::string> args) {
    args.insert(args.end(), {"--plugin", CONCORD_SIM_PLUGIN});
    return RunModel(args);
  }

  // What the CPU writes, also on a device whose queues wait for simulated time.
  static void ExpectTheSameText(std::vector<std::string> args) {
    args.insert(args.end(), {"-n", "24", "--temperature", "0", "--compute", "exact", "--device"});
    std::vector<std::string> on_cpu = args, on_sim = args;
    on_cpu.push_back("cpu");
    on_sim.push_back("sim:0");
    const Outcome want = RunModel(on_cpu);
    EXPECT_EQ(want.exit_code, 0) << want.err;
    for (const char* config : {"clock=virtual", "clock=real", "kv_layout=kv.token_major/1; devices=2"}) {
      Simulate(config);
      const Outcome got = OnSim(on_sim);
      EXPECT_EQ(got.exit_code, 0) << got.err;
      EXPECT_EQ(got.out, want.out) << config;
    }
  }
};

TEST_F(SimDevice, WritesWhatTheCpuWrites) {
  ExpectTheSameText({"generate", Golden("qwen3/qwen3.gguf"), "-p", "the cat"});
}

TEST_F(SimDevice, WritesWhatTheCpuWritesOfARealModel) {
  const std::string stories = Shared("data/stories260K.gguf");
  if (stories.empty()) GTEST_SKIP() << "there is no ../shared/data/stories260K.gguf";
  ExpectTheSameText({"generate", stories, "-p", "Once upon a time"});
}

// A driver may take longer to start than a model to load: no look at the plugin before the model is loaded with it.
TEST_F(SimDevice, StartOnce) {
  const std::string file = testing::TempDir() + "concord_sim_starts";
  for (const char* command : {"generate", "plan"}) {
    std::remove(file.c_str());
    Simulate(("starts=" + file).c_str());
    std::vector<std::string> args = {command, Golden("qwen3/qwen3.gguf"), "--device", "sim:0"};
    if (args[0] == "generate") args.insert(args.end(), {"-p", "the cat", "-n", "2"});
    const Outcome run = OnSim(args);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    std::stringstream starts;
    starts << std::ifstream(file).rdbuf();
    EXPECT_EQ(starts.str(), "started\n") << command;
  }
}

TEST_F(SimDevice, AreListed) {
  Simulate("devices=2; 1.name=the second one");
  const Outcome run = OnSim({"devices"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, testing::AllOf(HasSubstr("simulated device"), HasSubstr("the second one")));
}

TEST_F(SimDevice, AnOwnLayoutHandsOver) {
  const std::vector<std::string> args = {
      "generate", Golden("qwen3/qwen3.gguf"), "-p", "the cat", "-n", "24", "--temperature", "0", "--compute", "exact"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), args.begin(), args.end());
    return more;
  };
  const Outcome want = RunModel(with({"--device", "cpu"}));
  Simulate("kv_layout=kv.token_major/1; devices=2");
  for (const auto& [from, to] : {std::pair("sim:0", "cpu"), std::pair("cpu", "sim:0"), std::pair("sim:0", "sim:1")}) {
    const Outcome got = OnSim(with({"--prefill-device", from, "--decode-device", to}));
    EXPECT_EQ(got.exit_code, 0) << got.err;
    EXPECT_EQ(got.out, want.out) << from << " to " << to;
  }
  Simulate("kv_layout=kv.token_major/1; devices=2; 1.corrupt_import=3");
  const Outcome lost = OnSim(with({"--prefill-device", "sim:0", "--decode-device", "sim:1"}));
  EXPECT_EQ(lost.exit_code, 5) << lost.err;
  EXPECT_THAT(lost.err, HasSubstr("KV hand-over: layers.1.kv.k of tokens 0 to "));
}

TEST_F(SimDevice, BothSidesOfAHandoverArePlanned) {
  Simulate("clock=real; devices=2; name=of slow copies; copy_bandwidth=1e8; copy_latency=1e-3");  // measurements are
                                                                                                  // kept by name
  const std::vector<std::string> plan = {"plan",
                                         "synthetic:tiny:q8_0",
                                         "--context",
                                         "256",
                                         "--kv-type",
                                         "f32",
                                         "--decode-kv-type",
                                         "f16",
                                         "--prefill-device",
                                         "sim:0",
                                         "--decode-device",
                                         "sim:1"};
  const Outcome text = OnSim(plan);
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, testing::AllOf(HasSubstr("prompts on sim:0\n"), HasSubstr("answers on sim:1\n"),
                                       HasSubstr("hand-over of 256 tokens: "), HasSubstr("both sides fit together")));
  std::vector<std::string> args = plan;
  args.push_back("--json");
  const Outcome run = OnSim(args);
  const auto json = nlohmann::json::parse(run.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << run.err;
  EXPECT_EQ(json["prefill"]["devices"][0]["device"], "sim:0");
  EXPECT_EQ(json["decode"]["devices"][0]["device"], "sim:1");
  const auto& handover = json["handover"];
  EXPECT_EQ(handover["bytes_read"], 2 * handover["bytes_written"].get<int64_t>());
  // Four states, one after the other: the next is read while one is written and read back.
  const double read = 1e-3 + handover["bytes_read"].get<double>() / 4 / 1e8;
  const double write = 2 * (1e-3 + handover["bytes_written"].get<double>() / 4 / 1e8);
  EXPECT_NEAR(handover["copy_seconds"].get<double>(), read + write + 3 * std::max(read, write), write);
  EXPECT_EQ(handover["fits"], true);
  Simulate("devices=2; name=of little memory; 1.memory=1MiB");  // too little to be measured in, too
  const auto tight = nlohmann::json::parse(OnSim(args).out, nullptr, false)["handover"];
  EXPECT_EQ(tight["fits"], false);
  EXPECT_THAT(tight["lack"].get<std::string>(), HasSubstr("sim:1 has 1.00 MiB free, but"));
  EXPECT_TRUE(tight["copy_seconds"].is_null());

  EXPECT_EQ(OnSim({"plan", "--prefill-device", "sim:0"}).exit_code, 2);
  EXPECT_EQ(OnSim({"plan", "--prefill-device", "sim:0", "--decode-device", "sim"}).exit_code, 2);
  EXPECT_EQ(OnSim({"plan", "--canary", "off"}).exit_code, 2);  // it loads nothing that could prove itself
}

TEST_F(SimDevice, AMistakeInTheirDescriptionIsSaid) {
  Simulate("bandwith=1");
  const Outcome run = OnSim({"generate", "-p", "a", "-n", "1", "--device", "sim:0"});
  EXPECT_EQ(run.exit_code, 5);
  EXPECT_THAT(run.err, HasSubstr("CONCORD_SIM, item 1: got 'bandwith=1', want one of the keys in"));
}

TEST_F(SimDevice, ADeviceThatIsLostIsSaid) {
  Simulate("lose_after=3");
  const Outcome run = OnSim({"generate", "-p", "a", "-n", "9", "--device", "sim:0"});
  EXPECT_EQ(run.exit_code, 5) << run.err;
  EXPECT_THAT(run.err, HasSubstr("the device was lost (simulated)"));
}

}  // namespace
}  // namespace concord::e2e
