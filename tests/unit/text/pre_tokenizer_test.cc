#include "runtime/text/pre_tokenizer.h"

#include "nlohmann/json.hpp"
#include "runtime/text/utf8.h"
#include "tests/unit/text/text_testing.h"

namespace concord::text {
namespace {

std::vector<std::string> SplitBy(const std::vector<SplitStep>& steps, absl::string_view text) {
  absl::StatusOr<PreTokenizer> made = PreTokenizer::Create(steps);
  EXPECT_TRUE(made.ok()) << made.status();
  if (!made.ok()) return {};
  Regex::Scratch scratch;
  std::vector<absl::string_view> pieces;
  const absl::Status status = made->Split(text, &scratch, &pieces);
  EXPECT_TRUE(status.ok()) << status;
  return std::vector<std::string>(pieces.begin(), pieces.end());
}

std::vector<SplitStep> StepsOf(const std::string& pre) {
  const absl::StatusOr<PreTokenizerPreset> preset = FindPreTokenizer(pre);
  EXPECT_TRUE(preset.ok()) << preset.status();
  std::vector<SplitStep> steps;
  if (!preset.ok()) return steps;
  for (const char* regex : preset->regexes) steps.push_back({regex});
  return steps;
}

size_t CodePoints(absl::string_view text) {
  size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(FirstChar(text).size);
  return count;
}

// Against Oniguruma, as Hugging Face runs it: the presets, and the published regexes themselves.
TEST(PreTokenizer, CutsAsHuggingFaceDoes) {
  const nlohmann::json data =
      nlohmann::json::parse(ReadFile(std::string(CONCORD_SOURCE_DIR) + "/tests/unit/text/data/splits.json"));
  for (const nlohmann::json& group : data["groups"]) {
    std::vector<std::vector<SplitStep>> lists(1);
    for (const std::string regex : group["regexes"]) lists[0].push_back({regex});
    if (group["pre"] != "") lists.push_back(StepsOf(group["pre"]));
    for (size_t i = 0; i < data["texts"].size(); ++i) {
      const std::string text = data["texts"][i];
      for (const std::vector<SplitStep>& steps : lists) {
        std::vector<size_t> lengths;
        std::string joined;
        for (const std::string& piece : SplitBy(steps, text)) {
          lengths.push_back(CodePoints(piece));
          joined += piece;
        }
        EXPECT_EQ(joined, text);
        EXPECT_EQ(lengths, group["lengths"][i].get<std::vector<size_t>>())
            << group["pre"] << (&steps == &lists[0] ? " (published)" : " (preset)") << ": " << data["texts"][i];
      }
    }
  }
}

TEST(PreTokenizer, UnknownNameListsTheKnown) {
  const absl::Status status = FindPreTokenizer("no-such").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  for (const char* name : {"no-such", "llama-bpe", "qwen2", "deepseek-v3"}) {
    EXPECT_NE(status.message().find(name), absl::string_view::npos) << status;
  }
}

TEST(PreTokenizer, InvalidUtf8IsAPieceOfItsOwn) {
  EXPECT_EQ(SplitBy(StepsOf("gpt-2"), "a b\xFF\xFE c\xC3"),
            (std::vector<std::string>{"a", " b", "\xFF\xFE", " c", "\xC3"}));
}

TEST(PreTokenizer, RandomBytesAreKeptByEveryPreset) {
  std::mt19937 random(3);
  for (const char* pre : {"deepseek-coder", "deepseek-llm", "deepseek-v3", "default", "gpt-2", "gpt-4o", "llama-bpe",
                          "qwen2", "qwen35", "smollm"}) {
    for (int i = 0; i < 50; ++i) {
      const std::string text = RandomBytes(&random, random() % 100);
      std::string joined;
      for (const std::string& piece : SplitBy(StepsOf(pre), text)) joined += piece;
      EXPECT_EQ(joined, text) << pre;
    }
  }
}

TEST(PreTokenizer, CutsOnOneSideOrBoth) {
  using Cut = SplitStep::Cut;
  using Pieces = std::vector<std::string>;
  EXPECT_EQ(SplitBy({{"-", Cut::kIsolated}}, "a--b-"), (Pieces{"a", "-", "-", "b", "-"}));
  EXPECT_EQ(SplitBy({{"-", Cut::kMergeWithPrevious}}, "a--b-c"), (Pieces{"a-", "-", "b-", "c"}));
  EXPECT_EQ(SplitBy({{"-", Cut::kMergeWithNext}}, "-a--b-"), (Pieces{"-a", "-", "-b", "-"}));
  EXPECT_EQ(SplitBy({{"(?=b)", Cut::kIsolated}}, "abéb"), (Pieces{"a", "bé", "b"}));
  EXPECT_EQ(SplitBy({}, "abc"), (Pieces{"abc"}));
  EXPECT_EQ(SplitBy({{"x*", Cut::kIsolated}}, ""), (Pieces{}));
}

TEST(Regex, RefusesWhatReadsDifferently) {
  for (const char* pattern : {"[a&&b]", "[a[b]]", "\\h", "\\K", "(*UTF)a", "(?R)", "(?m:.)", "a{1,2}+", "a{,2}", "[]a]",
                              "(?#x)", "\\Qa\\E", "\\C"}) {
    EXPECT_EQ(Regex::Compile(pattern).status().code(), absl::StatusCode::kUnimplemented) << pattern;
  }
  for (const char* pattern : {"(", "a)", "[a", "\\p{NoSuch}", "a\\", "*", "(?<n", "(?i"}) {
    EXPECT_FALSE(Regex::Compile(pattern).ok()) << pattern;
  }
  EXPECT_FALSE(Regex::Compile(std::string(100'000, 'a')).ok());
  EXPECT_FALSE(Regex::Compile(std::string("a\0b", 3)).ok());
}

TEST(Regex, EndlessBacktrackingIsAStatus) {
  absl::StatusOr<Regex> regex = Regex::Compile("(a+)+b|x(a|a)*y");
  ASSERT_TRUE(regex.ok());
  Regex::Scratch scratch;
  const absl::Status status = regex->Match(std::string(5000, 'a') + "c", &scratch, [](size_t, size_t) {});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

}  // namespace
}  // namespace concord::text
