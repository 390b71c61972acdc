#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <csignal>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "tests/e2e/program.h"
#include "tests/emulators/faulty/path.h"

namespace concord::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kStory[] =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a "
    "big, "
    "red ball. She wanted to play with it, but it was too high.";

TEST(Generate, StoryBeginsAsItShould) {
  const std::string model = Shared("data/stories260K.gguf");
  if (model.empty()) GTEST_SKIP() << "no ../shared/data/stories260K.gguf";
  const Outcome run = RunModel({model, "-p", "Once upon a time", "--temperature", "0", "--max-tokens", "120"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, StartsWith(kStory));
  EXPECT_EQ(run.out.back(), '\n');
  EXPECT_THAT(run.err, HasSubstr("tok/s"));
}

// The greedy continuation of a golden model, from file and from folder, in exact arithmetic.
void ExpectGolden(const std::string& model) {
  const json greedy = json::parse(ReadFile(Golden("llama/expected.json")))["greedy"];
  const Outcome run = RunModel({model, "-p", greedy["text"].get<std::string>(), "--temperature", "0", "-n", "32",
                                "--compute", "exact", "--kv-type", "f32", "--repeat-penalty", "1", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const json result = json::parse(run.out);
  EXPECT_EQ(result["tokens"], greedy["continuation"]);
  EXPECT_EQ(result["finish_reason"], "max_tokens");
  EXPECT_EQ(result["prompt_tokens"], greedy["ids"].size());
  EXPECT_EQ(result["generated_tokens"], 32);
  EXPECT_EQ(run.err, "");
}

TEST(Generate, GoldenFromGguf) { ExpectGolden(Golden("llama/llama.gguf")); }
TEST(Generate, GoldenFromFolder) { ExpectGolden(Golden("llama")); }
TEST(Generate, GoldenFromShards) { ExpectGolden(Golden("llama_sharded")); }

// A device that computes wrongly is found when the model is loaded; with --canary warn it writes, and says so.
TEST(Generate, StopsAtADeviceThatComputesWrongly) {
  const std::string device = absl::StrCat("faulty:", static_cast<int>(faulty::kScaledLinear));
  std::vector<std::string> args = {"-p",       "a",    "-n",    "3", "--plugin", CONCORD_FAULTY_PLUGIN,
                                   "--device", device, "--json"};
  const std::string says = " computes wrongly: linear of layers.0 in int8/32 with 3 tokens: y: ";
  const Outcome strict = RunModel(args);
  EXPECT_EQ(strict.exit_code, 5);
  EXPECT_EQ(strict.out, "");
  EXPECT_THAT(strict.err, StartsWith(absl::StrCat("run-model: ", device, says)));
  EXPECT_THAT(strict.err, HasSubstr("\n[0, 0, 0] got "));
  EXPECT_THAT(strict.err, HasSubstr("with --canary warn it runs all the same"));
  args.insert(args.end(), {"--canary", "warn"});
  const Outcome warned = RunModel(args);
  EXPECT_EQ(warned.exit_code, 0) << warned.err;
  EXPECT_THAT(warned.err, HasSubstr(device + says));
  const json result = json::parse(warned.out);
  ASSERT_FALSE(result["warnings"].empty());
  EXPECT_THAT(result["warnings"][0].get<std::string>(), StartsWith(device + says));
  args.back() = "off";
  const Outcome off = RunModel(args);
  EXPECT_EQ(off.exit_code, 0) << off.err;
  EXPECT_EQ(off.err, "");
  EXPECT_FALSE(json::parse(off.out).contains("warnings"));
  args.back() = "sometimes";
  EXPECT_EQ(RunModel(args).exit_code, 2);
}

TEST(Generate, PromptFromStandardInputAndFile) {
  const std::string model = Golden("llama/llama.gguf");
  const std::vector<std::string> rest = {"--temperature", "0", "-n", "5", "-q"};
  std::vector<std::string> words = {model};
  words.insert(words.end(), rest.begin(), rest.end());
  const Outcome piped = RunModel(words, "abc");
  EXPECT_EQ(piped.exit_code, 0) << piped.err;
  EXPECT_THAT(piped.out, StartsWith("abc"));
  EXPECT_EQ(piped.err, "");
  WriteFile(Scratch("prompt.txt"), "abc");
  words.insert(words.end(), {"-f", Scratch("prompt.txt")});
  EXPECT_EQ(RunModel(words).out, piped.out);
}

TEST(Generate, SameSeedSameText) {
  const std::string model = Golden("llama/llama.gguf");
  const auto text = [&](const char* seed) {
    return RunModel(
               {model, "-p", "a", "--temperature", "1.5", "--top-k", "0", "--top-p", "1", "-n", "20", "--seed", seed})
        .out;
  };
  EXPECT_EQ(text("7"), text("7"));
  EXPECT_NE(text("7"), text("8"));
}

TEST(Generate, LogprobsAndBias) {
  const std::string model = Golden("llama/llama.gguf");
  const Outcome run = RunModel({model, "-p", "a", "--temperature", "0", "-n", "3", "--logprobs", "2", "--logit-bias",
                                "70=1000", "--ignore-eos", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const json result = json::parse(run.out);
  EXPECT_EQ(result["tokens"], json({70, 70, 70}));
  EXPECT_EQ(result["logprobs"][0]["top"].size(), 2);
  EXPECT_EQ(result["logprobs"][0]["id"], 70);
}

TEST(Generate, NoArgumentsRunTheDemoModel) {
  const Outcome run = RunModel({"-n", "8", "--temperature", "0"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, StartsWith("Once upon a time"));
  EXPECT_GT(run.out.size(), 20u);
}

// Writes for seconds, 8,000 tokens: what happens to it in the meantime happens long before its end. The bias keeps the
// text printable.
Program EndlessAnswer() {
  return Program({"synthetic:tiny:f32", "-p", "a", "--ignore-eos", "--temperature", "0", "--logit-bias", "70=1000"});
}

TEST(Generate, CtrlCEndsWith130) {
  Program program = EndlessAnswer();
  std::string seen;
  while (seen.size() < 3) {  // the prompt and something of the answer
    const std::string more = program.ReadSome();
    if (more.empty()) break;
    seen += more;
  }
  program.Signal(SIGINT);
  const Outcome run = program.Wait();
  EXPECT_EQ(run.exit_code, 130) << run.err;
}

TEST(Generate, ReaderThatLeavesIsNoFailure) {
  Program program = EndlessAnswer();
  EXPECT_NE(program.ReadSome(), "");
  program.CloseOutput();
  const Outcome run = program.Wait();
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.err, "");
}

}  // namespace
}  // namespace concord::e2e
