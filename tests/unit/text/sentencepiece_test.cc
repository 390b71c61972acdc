#include "runtime/text/sentencepiece.h"

#include <cstring>

#include "nlohmann/json.hpp"
#include "tests/unit/text/text_testing.h"

namespace concord::text {
namespace {

std::string DataFile(const std::string& name) {
  return ReadFile(std::string(CONCORD_SOURCE_DIR) + "/tests/unit/text/data/" + name);
}

// A length-delimited protobuf field.
std::string Bytes(int number, const std::string& value) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  size_t size = value.size();
  for (; size >= 0x80; size >>= 7) out.push_back(static_cast<char>(size | 0x80));
  out.push_back(static_cast<char>(size));
  return out + value;
}

std::string Varint(int number, uint8_t value) {
  return std::string(1, static_cast<char>(number << 3)) + static_cast<char>(value);
}

std::string PieceOf(const std::string& text, float score, uint8_t type) {
  std::string bits(sizeof(score), '\0');
  std::memcpy(bits.data(), &score, sizeof(score));
  return Bytes(1, Bytes(1, text) + "\x15" + bits + Varint(3, type));
}

std::string SmallModel(uint8_t model_type) {
  return PieceOf("<unk>", 0, 2) + PieceOf("<s>", 0, 3) + PieceOf("</s>", 0, 3) + PieceOf("\xE2\x96\x81", -1, 1) +
         PieceOf("a", -2, 1) +
         PieceOf(
             "\xE2\x96\x81"
             "a",
             -0.5f, 1) +
         PieceOf("x\xE2\x96\x81", 0, 4) + Bytes(2, Varint(3, model_type));
}

TEST(SentencePiece, GivesTheIdsOfSentencePiece) {
  absl::StatusOr<Vocab> vocab = VocabFromSentencePiece(DataFile("spm_bpe.model"));
  ASSERT_TRUE(vocab.ok()) << vocab.status();
  EXPECT_TRUE(vocab->warnings.empty());
  const std::unique_ptr<Tokenizer> tokenizer = MustCreate(*std::move(vocab));
  const nlohmann::json cases = nlohmann::json::parse(DataFile("spm_bpe.json"));
  ASSERT_GT(cases.size(), 30u);
  for (const nlohmann::json& test : cases) {
    const std::string text = test["text"];
    const std::vector<int32_t> ids = MustEncode(*tokenizer, text, {.add_bos = false});
    EXPECT_EQ(ids, test["ids"].get<std::vector<int32_t>>()) << test["text"];
    EXPECT_EQ(tokenizer->Decode(ids), test["decoded"].get<std::string>()) << test["text"];
  }
  EXPECT_EQ(MustEncode(*tokenizer, "fox").front(), 1);  // BOS by default
}

TEST(SentencePiece, ReadsASmallModel) {
  absl::StatusOr<Vocab> vocab = VocabFromSentencePiece(SmallModel(2));
  ASSERT_TRUE(vocab.ok()) << vocab.status();
  EXPECT_EQ(vocab->unk, 0);
  EXPECT_EQ(vocab->bos, 1);
  EXPECT_EQ(vocab->eos, 2);
  EXPECT_EQ(vocab->pad, -1);
  EXPECT_EQ(vocab->tokens[6], "x ");
  EXPECT_TRUE(vocab->remove_extra_whitespaces);
  const std::unique_ptr<Tokenizer> tokenizer = MustCreate(*std::move(vocab));
  // Spaces are trimmed and collapsed, the user-defined piece is found as it is, "b" is unknown.
  EXPECT_EQ(MustEncode(*tokenizer, "  a   a  b", {.add_bos = false}), (std::vector<int32_t>{5, 5, 3, 0}));
  EXPECT_EQ(MustEncode(*tokenizer, "x a", {.add_bos = false}), (std::vector<int32_t>{6, 4}));
}

TEST(SentencePiece, ConfigAddsTokens) {
  const std::string config = R"({"add_bos_token": false, "pad_token": "<pad>", "added_tokens_decoder": {
      "0": {"content": "<unk>", "special": true}, "7": {"content": "<pad>", "special": true}}})";
  absl::StatusOr<Vocab> vocab = VocabFromSentencePiece(SmallModel(2), config);
  ASSERT_TRUE(vocab.ok()) << vocab.status();
  EXPECT_EQ(vocab->pad, 7);
  EXPECT_EQ(vocab->types[0], TokenType::kUnknown);
  EXPECT_EQ(vocab->types[7], TokenType::kControl);
  EXPECT_EQ(vocab->add_bos, false);
  EXPECT_FALSE(vocab->space_prefix_first_only);
  EXPECT_NE(MustCreate(*std::move(vocab)), nullptr);
}

TEST(SentencePiece, RefusesUnigramAndDamage) {
  const absl::StatusOr<Vocab> unigram = VocabFromSentencePiece(SmallModel(1));
  EXPECT_EQ(unigram.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(unigram.status().message().find("unigram"), absl::string_view::npos);
  EXPECT_EQ(VocabFromSentencePiece("").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(VocabFromSentencePiece("version https://git-lfs.github.com/spec/v1").ok());
  EXPECT_FALSE(VocabFromSentencePiece(PieceOf("a", 0, 9) + Bytes(2, Varint(3, 2))).ok());
  const std::string whole = SmallModel(2);
  int ok = 0;
  // Cut between fields it is a whole message without model_type, which means unigram.
  for (size_t size = 0; size < whole.size(); ++size) ok += VocabFromSentencePiece(whole.substr(0, size)).ok();
  EXPECT_EQ(ok, 0);
}

TEST(SentencePiece, RandomDamageIsAStatus) {
  const std::string whole = DataFile("spm_bpe.model");
  std::mt19937 random(5);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = whole;
    for (int k = 0; k < 3; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
    absl::StatusOr<Vocab> vocab = VocabFromSentencePiece(bytes);
    if (!vocab.ok()) continue;
    absl::StatusOr<std::unique_ptr<Tokenizer>> tokenizer = Tokenizer::Create(*std::move(vocab));
    if (tokenizer.ok()) (void)(*tokenizer)->Encode("The fox counts 1234 \xFF");
  }
}

}  // namespace
}  // namespace concord::text
