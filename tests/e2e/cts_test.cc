// concord-cts as a vendor runs it: text, JSON, a page, exit codes, and what is wrong on its command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/program.h"
#include "tests/emulators/ages/path.h"
#include "tests/emulators/discrete/path.h"
#include "tests/emulators/faulty/path.h"

namespace concord::e2e {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kScaled = "faulty:1";  // rms_norm comes out 1.01 times what it should be
const std::string kCase = "ops/rms_norm/f32/f32/5x333_add_one";

TEST(Cts, GreenIsZero) {
  const Outcome run = ConcordCts({"--device", "cpu", "--filter", "buffer,ops/add", "--profile", "core-1"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, StartsWith("concord-cts "));
  EXPECT_THAT(run.out, EndsWith("green: 14 passed\n"));
  EXPECT_EQ(run.err, "");
}

TEST(Cts, IsACommandOfRunModelToo) {
  const Outcome run = RunModel({"cts", "--plugin", CONCORD_FAULTY_PLUGIN, "--device", kScaled, "--filter", kCase});
  EXPECT_EQ(run.exit_code, 1) << run.err;
  EXPECT_THAT(run.out, HasSubstr(absl::StrCat("again: run-model cts --plugin ", CONCORD_FAULTY_PLUGIN, " --device ",
                                              kScaled, " --filter ", kCase, "\n")));
}

// The command that a failure prints, typed in again, shows the same failure and nothing else.
TEST(Cts, AFailureRepeatsAlone) {
  const Outcome all = ConcordCts(
      {"--plugin", CONCORD_FAULTY_PLUGIN, "--device", kScaled, "--filter", "ops/rms_norm", "--seed", "5", "-q"});
  EXPECT_EQ(all.exit_code, 1);
  const std::string again = "again: concord-cts ";
  const size_t name = all.out.find(absl::StrCat("  ", kCase, "\n"));
  ASSERT_NE(name, std::string::npos) << all.out;
  const std::string failure = all.out.substr(name, all.out.find("\n  ops", name + 1) - name);
  EXPECT_THAT(failure, AllOf(HasSubstr("elements are wrong; the first:\n"), HasSubstr("[0, 0] got "),
                             HasSubstr(", want "), HasSubstr(" ± "), HasSubstr("--seed 5")));
  const size_t begin = failure.find(again) + again.size();
  const std::vector<std::string> words = absl::StrSplit(failure.substr(begin, failure.find('\n', begin) - begin), ' ');
  const Outcome alone = ConcordCts(words);
  EXPECT_EQ(alone.exit_code, 1);
  EXPECT_THAT(alone.out, HasSubstr(failure.substr(0, begin)));
  EXPECT_THAT(alone.out, EndsWith("not green: 0 passed, 1 failed\n"));
}

TEST(Cts, JsonHasEverything) {
  const Outcome run = ConcordCts({"--plugin", CONCORD_DISCRETE_PLUGIN, "--filter", "ops/linear,faults", "--json", "-"});
  EXPECT_EQ(run.exit_code, 1);
  const json report = json::parse(run.out, nullptr, false);
  ASSERT_FALSE(report.is_discarded()) << run.out;
  EXPECT_EQ(report["format"], "concord-cts/1");
  EXPECT_EQ(report["device"]["id"], "discrete:0");
  EXPECT_EQ(report["profile"], "llm-dense-1");
  EXPECT_EQ(report["green"], false);
  int refused = 0, passed = 0;
  for (const json& c : report["cases"]) {
    passed += c["verdict"] == "passed" ? 1 : 0;
    if (c["verdict"] != "refused") continue;
    ++refused;
    EXPECT_THAT(c["detail"], HasSubstr("takes weights in f32, f16 and q8_0, not "));
    EXPECT_THAT(c["command"], HasSubstr(c["name"].get<std::string>()));
  }
  EXPECT_GT(refused, 40);
  EXPECT_EQ(report["counts"]["refused"], refused);
  EXPECT_EQ(report["counts"]["passed"], passed);
}

TEST(Cts, WritesFiles) {
  const std::string page = Scratch("report.html"), data = Scratch("report.json");
  const Outcome run = ConcordCts({"--plugin", CONCORD_FAULTY_PLUGIN, "--device", kScaled, "--filter",
                                  "ops/rms_norm,queue", "--html", page, "--json", data});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.out, HasSubstr("not green: 8 passed, 6 failed"));  // beside the files
  const std::string html = ReadFile(page);
  EXPECT_THAT(html, AllOf(StartsWith("<!DOCTYPE html>"), HasSubstr(kCase), HasSubstr("not green: 8 passed, 6 failed"),
                          EndsWith("</html>\n")));
  EXPECT_THAT(html, AllOf(Not(HasSubstr("http")), Not(HasSubstr("src=")), Not(HasSubstr("<script"))));
  EXPECT_EQ(json::parse(ReadFile(data))["counts"]["failed"], 6);
}

TEST(Cts, Lists) {
  const Outcome run = ConcordCts({"--list", "--filter", "semaphore/f*,ops/glu/*/*/*_5x333*"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.out,
            "semaphore/fail_wakes_waiter\nsemaphore/failure_is_sticky\nops/glu/f32/f32/silu_5x333_wide\n"
            "ops/glu/f32/f32/gelu_tanh_5x333\n");
  EXPECT_THAT(ConcordCts({"--profiles"}).out, AllOf(HasSubstr("core-1  "), HasSubstr("llm-dense-1  ")));
}

TEST(Cts, Speed) {
  const Outcome run =
      ConcordCts({"--speed", "--filter", "speed/linear/q8_0/f32/1x*,speed/add", "--json", "-", "--threads", "1"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  const json report = json::parse(run.out, nullptr, false);
  ASSERT_FALSE(report.is_discarded()) << run.out;
  EXPECT_GT(report["peak"]["gb_per_second"], 0.1);
  ASSERT_EQ(report["speed"].size(), 2u);
  for (const json& op : report["speed"]) {
    const double share = report["peak"]["gb_per_second"].get<double>() * op["share_of_peak"].get<double>();
    EXPECT_NEAR(share, op["gb_per_second"].get<double>(), 1e-6 * share);
    EXPECT_GT(op["gb_per_second"], 0);
  }
  EXPECT_NEAR(report["speed"][0]["flops"].get<double>(), 2.0 * 2048 * 8192, 1);
}

struct Wrong {
  std::vector<std::string> args;
  int exit_code;
  std::string says;
};

class Mistakes : public testing::TestWithParam<Wrong> {};

TEST_P(Mistakes, AreSentences) {
  const Outcome run = ConcordCts(GetParam().args);
  EXPECT_EQ(run.exit_code, GetParam().exit_code) << run.err;
  EXPECT_EQ(run.out, "");
  EXPECT_THAT(run.err, AllOf(HasSubstr("concord-cts: "), HasSubstr(GetParam().says)));
}

INSTANTIATE_TEST_SUITE_P(
    Cts, Mistakes,
    testing::Values(
        Wrong{{"--filter", "ops/no_such_op"}, 2, "no case is called 'ops/no_such_op'; concord-cts --list shows"},
        Wrong{{"--profile", "llm-dense-9"}, 2, "no profile 'llm-dense-9'; there are: core-1, llm-dense-1"},
        Wrong{{"--repeat", "0"}, 2, "--repeat: is 0, want at least 1"},
        Wrong{{"--plugn", "x"}, 2, "did you mean --plugin?"},
        Wrong{{"--exclusions", "/no/such/file"}, 2, "cannot read /no/such/file"},
        Wrong{{"--plugin", "/no/such/file.so"}, 5, "/no/such/file.so: there is no such file"},
        Wrong{{"--device", "npu9"}, 5, "there is no device 'npu9'; there are: cpu:0, reference:0"},
        Wrong{{"--plugin", CONCORD_FAULTY_PLUGIN, "--device", "faulty:99"}, 5, "there is no device 'faulty:99'"},
        Wrong{{"--device", "cpu", "--filter", "device", "--profile", "core-1", "--html", "/no/such/folder/x.html"},
              2,
              "/no/such/folder/x.html"},
        // Plugins of another age, in both directions.
        Wrong{{"--plugin", CONCORD_AGE_PLUGIN("later_major")},
              5,
              "the plugin speaks ABI major 1 and this host 0; use builds of the same major version"},
        Wrong{{"--plugin", CONCORD_AGE_PLUGIN("refuses_host")},
              5,
              "this plugin serves hosts of ABI major 1, not 0; get a newer Concord"},
        Wrong{{"--plugin", CONCORD_AGE_PLUGIN("earlier_table")},
              5,
              "rebuild the plugin with this version's concord/plugin.h"}));

TEST(Cts, ExclusionsNeedReasonsAndCases) {
  const std::string path = Scratch("exclusions.txt");
  const std::vector<std::string> args = {"--filter", "queue", "--profile", "core-1", "--exclusions", path};
  WriteFile(path, "# a comment\n\nqueue/copy\n");
  Outcome run = ConcordCts(args);
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr(absl::StrCat(path, ":3: 'queue/copy' is excluded without a reason")));
  WriteFile(path, "queue/copie  a slip of the pen\n");
  run = ConcordCts(args);
  EXPECT_EQ(run.exit_code, 2);
  EXPECT_THAT(run.err, HasSubstr(absl::StrCat(path, ":1: 'queue/copie' names no case")));
  WriteFile(path, "queue/copy  our copies are broken\n");
  run = ConcordCts(args);
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.out, AllOf(HasSubstr("Excluded, and passed: take the line out\n  queue/copy  our copies are broken"),
                             EndsWith("not green: 6 passed, 1 passed unexpectedly\n")));
}

TEST(Cts, HelpHasExamplesInBothLanguages) {
  const Outcome english = ConcordCts({"--help"});
  EXPECT_EQ(english.exit_code, 0);
  EXPECT_THAT(english.out, AllOf(StartsWith("Usage: concord-cts [options]"), HasSubstr("--exclusions FILE"),
                                 HasSubstr("concord-cts --plugin ./libconcord_backend_foo.so --profile llm-dense-1")));
  EXPECT_THAT(ConcordCts({"--help", "--lang", "zh"}).out, StartsWith("用法：concord-cts"));
  EXPECT_THAT(ConcordCts({"--version"}).out, StartsWith("concord-cts "));
}

}  // namespace
}  // namespace concord::e2e
