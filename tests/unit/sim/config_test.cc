#include "tests/emulators/sim/config.h"

#include <fstream>

#include "tests/unit/sim/sim_testing.h"

namespace concord::sim {
namespace {

using testing::HasSubstr;

TEST(Config, KeysOfAllAndOfOne) {
  auto config =
      Config::Parse("1.memory=1.5GiB; devices=2\n# a comment\n memory = 64KiB ;clock=real;flops.int8/32=3e13");
  ASSERT_TRUE(config.ok()) << config.status().message;
  ASSERT_EQ(config->devices.size(), 2u);
  EXPECT_FALSE(config->virtual_clock);
  EXPECT_EQ(config->devices[0].memory, 64u << 10);
  EXPECT_EQ(config->devices[1].memory, 3u << 29);
  EXPECT_EQ(config->devices[1].FlopsIn("int8/32"), 3e13);
  EXPECT_EQ(config->devices[1].FlopsIn("f32"), 10e12);
}

TEST(Config, Lists) {
  auto config = Config::Parse("refuse=rope,linear:q4_k,*:q6_k; scale=glu:1.01");
  ASSERT_TRUE(config.ok()) << config.status().message;
  const DeviceConfig& device = config->devices[0];
  EXPECT_EQ(device.refuse, (std::vector<OpPattern>{{"rope", ""}, {"linear", "q4_k"}, {"", "q6_k"}}));
  EXPECT_EQ(device.scale.at("glu"), 1.01);
}

struct Wrong {
  const char *text, *says;
};

class Mistakes : public testing::TestWithParam<Wrong> {};

TEST_P(Mistakes, AreSentences) {
  auto config = Config::Parse(GetParam().text);
  EXPECT_EQ(config.status().code, CONCORD_UNAVAILABLE);
  EXPECT_THAT(config.status().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Config, Mistakes,
    testing::Values(Wrong{"bandwith=1", "CONCORD_SIM, item 1: got 'bandwith=1', want one of the keys in"},
                    Wrong{"launch=0; bandwidth=fast", "item 2: got 'bandwidth=fast', want a number from 0"},
                    Wrong{"devices=0; launch=-1", "item 2: got 'launch=-1', want a number from 0"},
                    Wrong{"memory=1GB", "want bytes, as in 512, 64KiB or 1.5GiB"},
                    Wrong{"1.memory=1", "got '1.memory=1', want a device below devices=1"},
                    Wrong{"devices=65", "want 0 to 64"}, Wrong{"clock=wall", "want real or virtual"},
                    Wrong{"async=yes", "want 0 or 1"}, Wrong{"just words", "want key=value"},
                    Wrong{"kv_layout=x", "want kv.paged/1 or kv.token_major/1"}, Wrong{"scale=glu", "as in glu:1.01"},
                    Wrong{"flops.f32=nan", "want a number from 0"}, Wrong{"refuse=linear:", "as in rope,linear:q4_k"}));

TEST(Config, AFileHoldsTheSame) {
  const std::string path = testing::TempDir() + "/concord_sim_config.txt";
  std::ofstream(path) << "# two of them\ndevices=2\n0.name=first\n";
  ::setenv("CONCORD_SIM", ("@" + path).c_str(), 1);
  auto config = Config::FromEnvironment();
  ASSERT_TRUE(config.ok()) << config.status().message;
  EXPECT_EQ(config->devices[0].name, "first");
  ::setenv("CONCORD_SIM", "@/no/such/file", 1);
  EXPECT_THAT(Config::FromEnvironment().status().message, HasSubstr("cannot read /no/such/file"));
  ::unsetenv("CONCORD_SIM");
}

TEST(Config, AMistakeIsTheProblemOfTheInstance) {
  ::setenv("CONCORD_SIM", "speed=1", 1);
  const auto registry = hal::DeviceRegistry::Discover(
      {.plugin_files = {CONCORD_SIM_PLUGIN}, .search_environment = false, .linked = false});
  ::unsetenv("CONCORD_SIM");
  ASSERT_EQ(registry.problems().size(), 1u);
  EXPECT_EQ(registry.problems()[0].status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(registry.problems()[0].status.message()), HasSubstr("got 'speed=1', want one of the keys"));
}

}  // namespace
}  // namespace concord::sim
