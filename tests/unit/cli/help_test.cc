#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "runtime/cli/command.h"
#include "runtime/cli/language.h"
#include "runtime/cli/text_width.h"

namespace concord::cli {
namespace {

constexpr size_t kHelpWidth = 100;

// Every help there is: of the program (null), and of each command.
std::vector<const CommandDef*> AllHelps() {
  std::vector<const CommandDef*> all = {nullptr};
  for (const CommandDef& command : AllCommands()) all.push_back(&command);
  return all;
}

std::vector<Phrase> Catalogue() {
  std::vector<Phrase> all;
  for (const absl::Span<const Phrase> part : {ChineseOptions(), ChineseCommands()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

std::set<std::string> PhrasesOfHelp() {
  std::set<std::string> phrases;
  for (const CommandDef* def : AllHelps()) {
    HelpOf(def, [&](const std::string& english) { return phrases.insert(english), english; });
  }
  return phrases;
}

TEST(Chinese, TranslatesEveryPhraseOfTheHelp) {
  std::map<std::string, std::string> chinese;
  for (const Phrase& phrase : Catalogue()) chinese[phrase.english] = phrase.translated;
  for (const std::string& english : PhrasesOfHelp()) {
    EXPECT_TRUE(english.empty() || chinese.count(english) == 1)
        << "runtime/cli/zh_*.cc has no translation of: " << english;
  }
}

TEST(Chinese, HasNoPhraseThatNoHelpSays) {
  const std::set<std::string> used = PhrasesOfHelp();
  for (const Phrase& phrase : Catalogue()) {
    EXPECT_EQ(used.count(phrase.english), 1) << "no help says: " << phrase.english;
  }
}

// Once in the catalogue, in Chinese, and with all that is to be typed as it stands.
TEST(Chinese, KeepsWhatIsTyped) {
  std::set<std::string> seen;
  for (const Phrase& phrase : Catalogue()) {
    const std::string english = phrase.english, chinese = phrase.translated;
    EXPECT_TRUE(seen.insert(english).second) << "twice: " << english;
    EXPECT_NE(chinese, english);
    for (const std::string& word : std::vector<std::string>(absl::StrSplit(english, absl::ByAnyChar(" ,;:()[]")))) {
      if (absl::StartsWith(word, "--")) {
        EXPECT_THAT(chinese, testing::HasSubstr(word));
      }
    }
    if (const size_t shown = english.find(" [0"); shown != std::string::npos) {
      EXPECT_TRUE(absl::EndsWith(chinese, english.substr(shown))) << chinese;
    }
  }
}

TEST(Chinese, FillsTheSameColumns) {
  for (const CommandDef* def : AllHelps()) {
    const std::string help = HelpOf(def, [](const std::string& e) { return Translated(e, Language::kChinese); });
    EXPECT_THAT(help, testing::HasSubstr("用法：run-model"));
    for (const std::string& line : std::vector<std::string>(absl::StrSplit(help, '\n'))) {
      EXPECT_LE(Width(line), kHelpWidth) << line;
    }
    // Options and their help stand where they do in English.
    EXPECT_THAT(help, testing::HasSubstr("  --lang en|zh              帮助的语言"));
    EXPECT_THAT(help, testing::HasSubstr("  -h, --help                显示本帮助\n"));
  }
}

TEST(TextWidth, CountsColumns) {
  EXPECT_EQ(Width(""), 0);
  EXPECT_EQ(Width("abc é ±"), 7);
  EXPECT_EQ(Width("模型，a"), 7);
  EXPECT_EQ(Width("e\u0301"), 1);  // a combining accent
  EXPECT_EQ(Width("한글カナ😀"), 10);
  EXPECT_EQ(Width("a\xFFz\xE6\xA8"), 5);  // bytes that are no character
}

TEST(TextWidth, WrapsAtSpacesAndBetweenWideCharacters) {
  EXPECT_EQ(Wrapped("one two  three", 2, 9), "one two\n  three");
  EXPECT_EQ(Wrapped("unbreakable word", 0, 4), "unbreakable\nword");
  EXPECT_EQ(Wrapped("一二三四五", 0, 4), "一二\n三四\n五");
  EXPECT_EQ(Wrapped("一二，三四", 0, 4), "一\n二，\n三四");  // no comma at a line's begin
  EXPECT_EQ(Wrapped("一（二三）", 0, 4), "一\n（二\n三）");  // no bracket at a line's end
  EXPECT_EQ(Wrapped("用 f32 的值", 1, 7), "用 f32\n 的值");
  EXPECT_EQ(Wrapped("", 3, 10), "");
}

// The environment of this process, as it was, when the test ends.
class Locale : public testing::Test {
 protected:
  void SetUp() override { Clear(); }
  void TearDown() override { Clear(); }
  static void Clear() {
    for (const char* name : {"LC_ALL", "LC_MESSAGES", "LANG"}) ::unsetenv(name);
  }
  static void Set(const char* name, const char* value) { ::setenv(name, value, 1); }
};

TEST_F(Locale, ChoosesTheLanguage) {
  EXPECT_EQ(ChooseLanguage({}), Language::kEnglish);
  Set("LANG", "zh_CN.UTF-8");
  EXPECT_EQ(ChooseLanguage({}), Language::kChinese);
  Set("LC_MESSAGES", "en_GB.UTF-8");
  EXPECT_EQ(ChooseLanguage({}), Language::kEnglish);
  Set("LC_ALL", "zh_TW");
  EXPECT_EQ(ChooseLanguage({}), Language::kChinese);
  Set("LC_ALL", "zh_CN.GBK");  // our text is UTF-8
  EXPECT_EQ(ChooseLanguage({}), Language::kEnglish);
  Set("LC_ALL", "");  // as if it were not set
  EXPECT_EQ(ChooseLanguage({}), Language::kEnglish);
}

TEST_F(Locale, OptionWins) {
  EXPECT_EQ(ChooseLanguage({"--help", "--lang", "zh"}), Language::kChinese);
  EXPECT_EQ(ChooseLanguage({"--lang=zh", "m"}), Language::kChinese);
  EXPECT_EQ(ChooseLanguage({"--", "--lang", "zh"}), Language::kEnglish);
  Set("LANG", "zh_CN.UTF-8");
  EXPECT_EQ(ChooseLanguage({"--lang", "en"}), Language::kEnglish);
  EXPECT_EQ(ChooseLanguage({"--lang", "fr"}), Language::kChinese);
  EXPECT_EQ(ChooseLanguage({"--lang"}), Language::kChinese);
}

}  // namespace
}  // namespace concord::cli
