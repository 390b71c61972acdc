// The suite on devices that must be green, and on devices with one thing wrong that it must catch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "runtime/cts/suite.h"
#include "tests/emulators/ages/path.h"
#include "tests/emulators/discrete/path.h"
#include "tests/emulators/faulty/path.h"
#include "tests/emulators/sim/path.h"

namespace concord::cts {
namespace {

using testing::HasSubstr;

// Of a plugin file ("" = linked in), by the device's name.
Report RunOn(const std::string& plugin, const std::string& device, SuiteOptions options = {}) {
  hal::DeviceRegistry::Options wanted;
  if (!plugin.empty()) wanted.plugin_files = {plugin};
  wanted.linked = plugin.empty();
  wanted.search_environment = false;
  const hal::DeviceRegistry registry = hal::DeviceRegistry::Discover(std::move(wanted));
  for (const auto& problem : registry.problems()) ADD_FAILURE() << problem.plugin << ": " << problem.status;
  const hal::DeviceRegistry::Entry* entry = registry.Find(device);
  if (entry == nullptr) return ADD_FAILURE() << "no device " << device, Report();
  const auto context = Context::Open(*entry);
  if (!context.ok()) return ADD_FAILURE() << context.status(), Report();
  if (options.profile == nullptr) options.profile = &DefaultProfile();
  options.command = "concord-cts";
  return RunSuite(**context, options);
}

std::string Bad(const Report& report) {
  std::string text = report.Summary();
  for (const CaseReport& c : report.cases) {
    if (c.bad()) absl::StrAppend(&text, "\n", c.name, ": ", NameOf(c.verdict), ": ", c.result.detail);
  }
  return text;
}

const CaseReport& Find(const Report& report, const std::string& name) {
  static const CaseReport none;
  for (const CaseReport& c : report.cases) {
    if (c.name == name) return c;
  }
  ADD_FAILURE() << "no case " << name;
  return none;
}

// But for the cases about layouts of a device's own, which few devices have.
std::set<std::string> Skipped(const Report& report) {
  std::set<std::string> names;
  for (const CaseReport& c : report.cases) {
    if (c.verdict == Verdict::kSkipped && c.name.rfind("state/", 0) != 0) names.insert(c.name);
  }
  return names;
}

const std::set<std::string> kNotSimulated = {"faults/allocation_fails", "faults/device_lost", "faults/execution_fails",
                                             "program/artefact", "threads/queues_at_once"};

// Whether the same passed in the other arithmetic of int8: one of them is enough. Parts of names stand between slashes.
bool PassedInOtherInt8(const Report& report, const std::string& name) {
  std::vector<std::string> parts = absl::StrSplit(name, '/');
  for (std::string& part : parts) {
    if (part != "int8" && part != "int8_256") continue;
    part = part == "int8" ? "int8_256" : "int8";
    return Find(report, absl::StrJoin(parts, "/")).verdict == Verdict::kPassed;
  }
  return false;
}

// What nobody may refuse. Arithmetics f16 and bf16 are for devices that are faster at them, which not every CPU is.
std::vector<std::string> WronglyRefused(const Report& report) {
  std::vector<std::string> names;
  for (const CaseReport& c : report.cases) {
    if (c.verdict != Verdict::kRefused || c.name.find("/f16/f16") != std::string::npos ||
        c.name.find("/bf16/bf16") != std::string::npos || PassedInOtherInt8(report, c.name)) {
      continue;
    }
    names.push_back(c.name);
  }
  return names;
}

// Backends of this tree compute everything else: nothing is refused, needed or not.
void ExpectAllPass(const Report& report) {
  EXPECT_TRUE(report.green()) << Bad(report);
  EXPECT_THAT(WronglyRefused(report), testing::IsEmpty());
  EXPECT_EQ(Skipped(report), kNotSimulated);
  EXPECT_GT(report.Count(Verdict::kPassed), 300);
}

TEST(Suite, LinkedCpuIsGreen) { ExpectAllPass(RunOn("", "cpu")); }
TEST(Suite, CpuAsAPluginFileIsGreen) {
  ExpectAllPass(RunOn(CONCORD_BINARY_DIR "/plugins/libconcord_backend_cpu.so", "cpu"));
}
TEST(Suite, ReferenceIsGreen) { ExpectAllPass(RunOn("", "reference")); }
TEST(Suite, OtherSeedsAreGreen) {
  const Report report = RunOn("", "cpu", {.filter = "ops,models", .seed = 77, .repeat = 2});
  EXPECT_TRUE(report.green()) << Bad(report);
  EXPECT_EQ(report.cases[0].seed, 78u);  // the last of two runs
}

// With memory of its own, few weight types and faults on demand; what it refuses stands in a file, as a vendor's would.
TEST(Suite, DiscreteIsGreenWithItsExclusions) {
  const std::string path = CONCORD_SOURCE_DIR "/tests/cts/discrete_exclusions.txt";
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  const auto exclusions = Exclusions::Parse(text.str(), path, ListCases(""));
  ASSERT_TRUE(exclusions.ok()) << exclusions.status();
  const Report report = RunOn(CONCORD_DISCRETE_PLUGIN, "discrete", {.exclusions = *exclusions});
  EXPECT_TRUE(report.green()) << Bad(report);
  EXPECT_GT(report.Count(Verdict::kExcluded), 30);
  // The faults are simulated here, so those cases ran.
  EXPECT_EQ(Skipped(report),
            (std::set<std::string>{"buffer/import_host", "program/artefact", "threads/queues_at_once"}));
}

// A simulated device: everything is computed and every fault simulated, whatever the clock, memory and layout.
Report RunOnSim(const char* config, SuiteOptions options = {}) {
  ::setenv("CONCORD_SIM", config, 1);
  Report report = RunOn(CONCORD_SIM_PLUGIN, "sim", std::move(options));
  ::unsetenv("CONCORD_SIM");
  return report;
}

TEST(Suite, SimIsGreen) {
  const Report report = RunOnSim("clock=virtual");
  EXPECT_TRUE(report.green()) << Bad(report);
  EXPECT_THAT(WronglyRefused(report), testing::IsEmpty());
  EXPECT_EQ(Skipped(report), (std::set<std::string>{"buffer/import_host", "program/artefact"}));
}
TEST(Suite, SimWithARealClockIsGreen) {
  const Report report = RunOnSim("clock=real; launch=1e-6; submit=1e-6; copy_latency=1e-6; host_memory=1",
                                 {.profile = *FindProfile("core-1")});
  EXPECT_TRUE(report.green()) << Bad(report);
  EXPECT_EQ(Skipped(report), (std::set<std::string>{"program/artefact"}));
}
// State that lies in another order: what the suite looks at it has exported, what it gives it has imported.
constexpr char kOwnLayout[] = "kv_layout=kv.token_major/1";
constexpr char kStateCases[] = "state,ops/kv_append,ops/attention,determinism/kv_append,handover,models/llama";

TEST(Suite, SimWithALayoutOfItsOwnIsGreen) {
  for (const char* memory : {"", "; host_memory=1"}) {
    const Report report = RunOnSim(absl::StrCat(kOwnLayout, memory).c_str(), {.filter = kStateCases});
    EXPECT_TRUE(report.green()) << Bad(report);
    EXPECT_EQ(report.Count(Verdict::kPassed), static_cast<int>(report.cases.size()));
  }
}
// It need not export: models run, and whatever looks into state is refused, and why.
TEST(Suite, SimThatKeepsItsStateIsRefusedWhatNeedsIt) {
  const Report report = RunOnSim(absl::StrCat(kOwnLayout, "; state_moves=0").c_str(), {.filter = kStateCases});
  EXPECT_EQ(report.Count(Verdict::kFailed), 0) << Bad(report);
  for (const CaseReport& c : report.cases) {
    EXPECT_EQ(c.verdict, c.name.rfind("models", 0) == 0 ? Verdict::kPassed : Verdict::kRefused) << c.name;
  }
  EXPECT_THAT(Find(report, "ops/kv_append/f32/f32/odd").result.detail,
              HasSubstr("k_cache lies as 'kv.token_major/1', which nobody can check: sim"));
}

// What is wrong with the moves, cases that must fail, and what the first of them says.
struct StateFault {
  const char* fault;
  std::vector<std::string> failing, passing;
  const char* says;
};
class StateFaults : public testing::TestWithParam<StateFault> {};

TEST_P(StateFaults, AreCaught) {
  const StateFault& fault = GetParam();
  const Report report = RunOnSim(absl::StrCat(kOwnLayout, "; ", fault.fault).c_str(), {.filter = kStateCases});
  EXPECT_FALSE(report.green());
  for (const std::string& name : fault.failing) EXPECT_EQ(Find(report, name).verdict, Verdict::kFailed) << name;
  for (const std::string& name : fault.passing) EXPECT_EQ(Find(report, name).verdict, Verdict::kPassed) << name;
  EXPECT_THAT(Find(report, fault.failing[0]).result.detail, HasSubstr(fault.says));
}

INSTANTIATE_TEST_SUITE_P(
    Sim, StateFaults,
    testing::Values(
        // Wrong both ways alike: only who knows what the ops left there can tell.
        StateFault{"state_fault=plain",
                   {"handover/prefill/f32", "handover/decode/f16", "handover/decode/q8_0",
                    "ops/kv_append/f32/f32/5x3x64", "ops/attention/f16/f32/decode"},
                   {"state/round_trip_q8_0_3x5x96", "state/runs_f16_2x32x64", "models/llama/f32_kv_f32"},
                   "step 1 after the hand-over, sequence "},
        StateFault{"state_fault=swap",
                   {"state/round_trip_q8_0_3x5x96", "state/runs_f16_2x32x64", "state/whole_blocks_f32_2x32x64",
                    "state/order", "ops/kv_append/q8_0/f32/5x3x64", "handover/prefill/f32"},
                   {"state/refusals", "models/llama/f32_kv_f32"},
                   "an import and then an export: byte 0 of 10710"},
        StateFault{"state_fault=spill",
                   {"state/runs_f16_2x32x64", "ops/kv_append/f32/f32/odd"},
                   {"state/round_trip_f16_2x32x64", "models/llama/f32_kv_f32"},
                   "the state behind imported blocks: byte 0"},
        StateFault{"state_fault=border",
                   {"models/llama/f32_kv_f32", "ops/attention/f32/f32/mixed", "handover/decode/f32"},
                   {"state/round_trip_f16_2x32x64", "ops/attention/f32/f32/first_token", "ops/kv_append/f32/f32/odd"},
                   "prefill, sequence 2 of 3, 40 tokens: logit "},
        StateFault{
            "corrupt_import=1", {"state/order"}, {"state/runs_f32_2x32x64"}, "an import, then an export: byte "}),
    [](const auto& info) { return absl::StrCat("Fault", info.index); });
TEST(Suite, SimThatScalesAnOpIsCaught) {
  EXPECT_FALSE(RunOnSim("scale=glu:1.01", {.filter = "ops/glu"}).green());
  const char* fused = "scale=fused_linear_glu:1.01";
  EXPECT_FALSE(RunOnSim(fused, {.filter = "models/llama/f32_kv_f32"}).green());
  EXPECT_TRUE(RunOnSim(fused, {.filter = "models/gpt2/f32_kv_f32"}).green());  // has none
}

TEST(Suite, RefusedIsNotPassed) {
  const Report report = RunOn(CONCORD_DISCRETE_PLUGIN, "discrete", {.filter = "ops/linear/q4_k"});
  EXPECT_FALSE(report.green());
  EXPECT_EQ(report.Count(Verdict::kPassed), 0);
  EXPECT_EQ(report.Count(Verdict::kFailed), 0);
  EXPECT_THAT(report.Summary(), HasSubstr("refused that llm-dense-1 needs"));
  // The same refusals do not matter to a profile that does not need them.
  const SuiteOptions smaller = {.profile = *FindProfile("core-1"), .filter = "ops/linear/q4_k"};
  EXPECT_TRUE(RunOn(CONCORD_DISCRETE_PLUGIN, "discrete", smaller).green());
}

TEST(Suite, UnexpectedPassIsNotGreen) {
  const auto exclusions = Exclusions::Parse("queue/fill  our fills are broken", "x", ListCases(""));
  const Report report = RunOn("", "cpu", {.filter = "queue", .exclusions = *exclusions});
  EXPECT_FALSE(report.green());
  EXPECT_EQ(Find(report, "queue/fill").verdict, Verdict::kUnexpectedPass);
  EXPECT_EQ(report.CountBad(), 1);
}

// A device with a fault, the cases that must catch it, all of them and no others, and what the first of them says.
struct Caught {
  faulty::Fault fault;
  std::string filter;
  std::vector<std::string> failing;
  std::string says;
};

class Faults : public testing::TestWithParam<Caught> {};

TEST_P(Faults, AreCaught) {
  const Caught& caught = GetParam();
  const std::string device = absl::StrCat("faulty:", static_cast<int>(caught.fault));
  const Report report = RunOn(CONCORD_FAULTY_PLUGIN, device, {.filter = caught.filter});
  std::vector<std::string> failing;
  for (const CaseReport& c : report.cases) {
    if (c.bad()) failing.push_back(c.name);
  }
  EXPECT_EQ(failing, caught.failing) << Bad(report);
  if (caught.failing.empty()) return;
  const CaseReport& first = Find(report, caught.failing[0]);
  EXPECT_THAT(first.result.detail, HasSubstr(caught.says));
  EXPECT_EQ(first.command, absl::StrCat("concord-cts --filter ", first.name));
}

const std::vector<std::string> kRmsNorm = {
    "ops/rms_norm/f32/f32/1x64",          "ops/rms_norm/f32/f32/7x4096",
    "ops/rms_norm/f32/f32/5x333_add_one", "ops/rms_norm/f32/f32/heads_weightless",
    "ops/rms_norm/f32/f32/heads",         "ops/rms_norm/f32/f32/3x1"};
const std::vector<std::string> kRmsNormAndNoRows = {
    "ops/rms_norm/f32/f32/1x64",          "ops/rms_norm/f32/f32/7x4096",
    "ops/rms_norm/f32/f32/5x333_add_one", "ops/rms_norm/f32/f32/heads_weightless",
    "ops/rms_norm/f32/f32/heads",         "ops/rms_norm/f32/f32/3x1",
    "ops/rms_norm/f32/f32/no_rows"};

INSTANTIATE_TEST_SUITE_P(
    Faulty, Faults,
    testing::Values(
        Caught{faulty::kNone, "", {}, ""}, Caught{faulty::kScaled, "ops", kRmsNorm, "y: 63 of 64 elements are wrong"},
        Caught{faulty::kScaledDeep,
               "ops,models/*/f32_kv_f32",
               {"models/gpt2/f32_kv_f32", "models/llama/f32_kv_f32", "models/qwen2/f32_kv_f32",
                "models/qwen3/f32_kv_f32", "models/qwen3moe/f32_kv_f32"},
               "prefill, sequence 0 of 3, 1 tokens: logit "},
        Caught{faulty::kUnsteady, "determinism", {"determinism/rms_norm/f32/f32"}, "the second run, against the first"},
        Caught{faulty::kOverrun, "ops/rms_norm", kRmsNormAndNoRows, "y: wrote byte 0 past its end"},
        Caught{faulty::kSilent, "ops/rms_norm", kRmsNormAndNoRows, "refused without a reason"},
        Caught{faulty::kPromising, "ops/rms_norm", kRmsNormAndNoRows,
               "query said that the device computes this, and then: faulty:6: compile of 'rms_norm': the compiler gave "
               "up"},
        Caught{faulty::kFickle, "program", {"program/query_is_pure"}, "rms_norm/f32/f32/"},
        Caught{faulty::kLeaky,
               "leaks,device,buffer",
               {"device/memory_stats", "leaks/objects", "leaks/program", "leaks/weights"},
               ""},
        Caught{faulty::kGenerous, "faults,buffer", {"faults/out_of_memory"}, "got OK, want RESOURCE_EXHAUSTED"},
        Caught{faulty::kImpatient,
               "semaphore",
               {"semaphore/times_out", "semaphore/wait_before_signal"},
               "got OK, want DEADLINE_EXCEEDED"},
        Caught{faulty::kCareless, "queue", {"queue/copy"}, "a copy of 2049 bytes from 777 to 1001: byte 1001"}),
    [](const testing::TestParamInfo<Caught>& info) {
      return absl::StrCat("Fault", static_cast<int>(info.param.fault));
    });

// A plugin of the first or of a later minor version serves this host as it is.
TEST(Ages, OtherMinorsAreGreenOnTheBorder) {
  for (const auto& [plugin, name] : {std::pair(CONCORD_AGE_PLUGIN("first_table"), "first_table"),
                                     std::pair(CONCORD_AGE_PLUGIN("later_minor"), "later_minor")}) {
    const Report report = RunOn(plugin, name, {.filter = "device,buffer,semaphore,queue"});
    EXPECT_TRUE(report.green()) << name << ": " << Bad(report);
    EXPECT_GT(report.Count(Verdict::kPassed), 25) << name;
  }
}

}  // namespace
}  // namespace concord::cts
