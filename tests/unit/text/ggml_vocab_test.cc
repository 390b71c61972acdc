#include <chrono>
#include <filesystem>
#include <sstream>

#include "tests/unit/text/gguf_vocab.h"
#include "tests/unit/text/text_testing.h"

// Real vocabularies against ids that llama.cpp computed (../shared/data/tokenizers).
namespace concord::text {
namespace {

std::vector<std::string> Cases(const std::string& path) {
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::string text = ReadFile(path);
  std::vector<std::string> cases;
  size_t at = 0;
  for (size_t end; (end = text.find(separator, at)) != std::string::npos; at = end + separator.size()) {
    cases.push_back(text.substr(at, end - at));
  }
  return cases;
}

std::vector<std::vector<int32_t>> Expected(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::vector<int32_t>> lines;
  for (std::string line; std::getline(file, line);) {
    std::istringstream numbers(line);
    lines.emplace_back(std::istream_iterator<int32_t>(numbers), std::istream_iterator<int32_t>());
  }
  return lines;
}

// `text` without the bytes that the vocabulary has no token for (DeepSeek's lacks those that are in no valid UTF-8).
std::string Keepable(const Tokenizer& tokenizer, std::string text) {
  const bool spm = tokenizer.FindToken("<0xFF>") >= 0;
  const bool bytes_have_tokens =
      spm || tokenizer.type(tokenizer.FindToken(AlphabetFromBytes("\xFF"))) == TokenType::kNormal;
  for (char& c : text) {
    const uint8_t byte = static_cast<uint8_t>(c);
    if (!bytes_have_tokens && (byte == 0xC0 || byte == 0xC1 || byte >= 0xF5)) c = '\x80';
  }
  return text;
}

class GgmlVocab : public testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Tokenizer> Load() {
    path_ = std::string(CONCORD_SHARED_DIR) + "/data/tokenizers/ggml-vocab-" + GetParam() + ".gguf";
    std::optional<Vocab> vocab = GgufVocabReader::Read(path_);
    return vocab ? MustCreate(*std::move(vocab)) : nullptr;
  }
  std::string path_;
};

TEST_P(GgmlVocab, EveryLineGivesItsIds) {
  const std::unique_ptr<Tokenizer> tokenizer = Load();
  if (tokenizer == nullptr) GTEST_SKIP() << path_ << " is not here";
  const std::vector<std::string> cases = Cases(path_ + ".inp");
  const std::vector<std::vector<int32_t>> expected = Expected(path_ + ".out");
  ASSERT_GT(cases.size(), 40u);
  ASSERT_EQ(cases.size(), expected.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    EXPECT_EQ(MustEncode(*tokenizer, cases[i], {.add_bos = false}), expected[i]) << "case " << i << ": " << cases[i];
    EXPECT_EQ(tokenizer->Decode(expected[i]), cases[i]) << "case " << i;
  }
}

TEST_P(GgmlVocab, RandomBytesSurviveTheRoundTrip) {
  const std::unique_ptr<Tokenizer> tokenizer = Load();
  if (tokenizer == nullptr) GTEST_SKIP() << path_ << " is not here";
  std::mt19937 random(testing::UnitTest::GetInstance()->random_seed() + 17);
  for (int i = 0; i < 300; ++i) {
    const std::string text = Keepable(*tokenizer, RandomBytes(&random, random() % 200));
    EXPECT_EQ(tokenizer->Decode(MustEncode(*tokenizer, text, {.add_bos = false})), text);
  }
}

TEST_P(GgmlVocab, LongRunsTakeNoQuadraticTime) {
  const std::unique_ptr<Tokenizer> tokenizer = Load();
  if (tokenizer == nullptr) GTEST_SKIP() << path_ << " is not here";
  const size_t kLong = 200'000;
  for (const std::string unit : {" ", "a", "A", "\n", " \n", "1", "!", "语", "\xFF", "'s", "a1 "}) {
    std::string text;
    while (text.size() < kLong) text += Keepable(*tokenizer, unit);
    for (const std::string tail : {"", "x", "1"}) {
      const auto start = std::chrono::steady_clock::now();
      const std::vector<int32_t> ids = MustEncode(*tokenizer, text + tail, {.add_bos = false});
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
      EXPECT_EQ(tokenizer->Decode(ids), text + tail);
      // Generous for sanitizers and busy machines; a quadratic step over 200,000 characters takes minutes.
      EXPECT_LT(took.count(), 10.0) << "unit '" << unit << "', tail '" << tail << "'";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, GgmlVocab, testing::Values("deepseek-llm", "gpt-2", "llama-spm"), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace concord::text
