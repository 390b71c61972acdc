#include "runtime/text/stream_detokenizer.h"

#include "runtime/text/utf8.h"
#include "tests/unit/text/text_testing.h"

namespace concord::text {
namespace {

bool IsValidUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t size = FirstChar(text).size;
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

TEST(StreamDetokenizer, HoldsBackUnfinishedCharacters) {
  const std::unique_ptr<Tokenizer> t = MustCreate(ByteVocab("gpt-2", {}));
  StreamDetokenizer stream(*t);
  EXPECT_EQ(stream.Push('a'), "a");
  EXPECT_EQ(stream.Push(0xF0), "");
  EXPECT_EQ(stream.Push(0x9F), "");
  EXPECT_EQ(stream.Push(0xA6), "");
  EXPECT_EQ(stream.Push(0x8A), "\xF0\x9F\xA6\x8A");
  EXPECT_EQ(stream.Push(0xC3), "");
  EXPECT_EQ(stream.Push('x'), "\xEF\xBF\xBDx");  // the character can no longer come
  EXPECT_EQ(stream.Push(0xFF), "\xEF\xBF\xBD");
  EXPECT_EQ(stream.Push(0xE4), "");
  EXPECT_EQ(stream.Flush(), "\xEF\xBF\xBD");
  EXPECT_EQ(stream.Flush(), "");
  EXPECT_EQ(stream.Push('b'), "b");
}

TEST(StreamDetokenizer, EveryStepIsValidAndTheSumIsTheText) {
  std::mt19937 random(13);
  const std::unique_ptr<Tokenizer> t = MustCreate(ByteVocab("gpt-2", {"Ã ©", "Ġ a", "ð Ł", "ä ¸"}));
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (size_t k = random() % 40; k > 0; --k)
      AppendUtf8(random() % 2 ? random() % 0x3000 : 0x1F000 + random() % 999, &text);
    const bool broken = i % 2;
    if (broken) text += RandomBytes(&random, random() % 20);
    StreamDetokenizer stream(*t);
    std::string sum;
    for (int32_t id : MustEncode(*t, text)) {
      const std::string step = stream.Push(id);
      EXPECT_TRUE(IsValidUtf8(step));
      sum += step;
    }
    sum += stream.Flush();
    EXPECT_EQ(sum, ReplaceInvalidUtf8(text));
    if (!broken) {
      EXPECT_EQ(sum, text);
    }
  }
}

TEST(StreamDetokenizer, DropsTheSpacePrefixOnlyAtTheStartOfText) {
  const std::unique_ptr<Tokenizer> t =
      MustCreate(SpmVocab({"\xE2\x96\x81"
                           "a",
                           "\xE2\x96\x81", "a"}));
  StreamDetokenizer whole(*t, /*at_text_start=*/true);
  EXPECT_EQ(whole.Push(1), "");  // BOS
  EXPECT_EQ(whole.Push(259), "a");
  EXPECT_EQ(whole.Push(259), " a");
  StreamDetokenizer continued(*t);
  EXPECT_EQ(continued.Push(259), " a");
  StreamDetokenizer shown(*t, /*at_text_start=*/false, /*special=*/true);
  EXPECT_EQ(shown.Push(2), "</s>");
}

TEST(Utf8, FollowsTheStandard) {
  EXPECT_EQ(FirstChar("").size, 0u);
  EXPECT_EQ(FirstChar("\xE2\x82\xAC").code, U'€');
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80",
                          "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_EQ(FirstChar(bad).size, 0u);
    EXPECT_GE(FirstChar(bad).bad, 1u);
    EXPECT_FALSE(FirstChar(bad).truncated);
  }
  for (char32_t code = 0; code <= 0x10FFFF; code += 37) {
    if (code >= 0xD800 && code < 0xE000) continue;
    std::string text;
    AppendUtf8(code, &text);
    EXPECT_EQ(FirstChar(text).code, code);
    EXPECT_EQ(FirstChar(text).size, text.size());
    for (size_t size = 1; size < text.size(); ++size) EXPECT_TRUE(FirstChar(text.substr(0, size)).truncated);
  }
  EXPECT_EQ(ReplaceInvalidUtf8("a\xF0\x9F\x41\xE4"),
            "a\xEF\xBF\xBD"
            "A\xEF\xBF\xBD");
}

}  // namespace
}  // namespace concord::text
