#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/text/byte_alphabet.h"
#include "runtime/text/tokenizer.h"

// What the tests of tokenizers share.
namespace concord::text {

inline std::unique_ptr<Tokenizer> MustCreate(Vocab vocab) {
  absl::StatusOr<std::unique_ptr<Tokenizer>> made = Tokenizer::Create(std::move(vocab));
  EXPECT_TRUE(made.ok()) << made.status();
  return made.ok() ? *std::move(made) : nullptr;
}

inline std::vector<int32_t> MustEncode(const Tokenizer& tokenizer, absl::string_view text,
                                       const EncodeOptions& options = {}) {
  absl::StatusOr<std::vector<int32_t>> ids = tokenizer.Encode(text, options);
  EXPECT_TRUE(ids.ok()) << ids.status();
  return ids.ok() ? *std::move(ids) : std::vector<int32_t>{};
}

// A byte-level vocabulary: all bytes as ids 0 to 255, then the result of each merge ("Ġ t"), then control tokens.
inline Vocab ByteVocab(const std::string& pre, const std::vector<std::string>& merges,
                       const std::vector<std::string>& controls = {}) {
  Vocab vocab;
  vocab.kind = VocabKind::kByteLevelBpe;
  vocab.pre = pre;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    vocab.tokens.push_back(AlphabetFromBytes(absl::string_view(&c, 1)));
  }
  for (const std::string& merge : merges) {
    vocab.merges.push_back(merge);
    const size_t space = merge.find(' ', 1);
    vocab.tokens.push_back(merge.substr(0, space) + merge.substr(space + 1));
  }
  vocab.types.assign(vocab.tokens.size(), TokenType::kNormal);
  for (const std::string& control : controls) {
    vocab.tokens.push_back(control);
    vocab.types.push_back(TokenType::kControl);
  }
  return vocab;
}

// An SPM vocabulary: <unk>, <s>, </s>, the 256 bytes as ids 3 to 258, then `pieces` with falling scores.
inline Vocab SpmVocab(const std::vector<std::string>& pieces) {
  Vocab vocab;
  vocab.kind = VocabKind::kSpm;
  vocab.tokens = {"<unk>", "<s>", "</s>"};
  vocab.types = {TokenType::kUnknown, TokenType::kControl, TokenType::kControl};
  const char* digits = "0123456789ABCDEF";
  for (int byte = 0; byte < 256; ++byte) {
    vocab.tokens.push_back(std::string("<0x") + digits[byte / 16] + digits[byte % 16] + ">");
    vocab.types.push_back(TokenType::kByte);
  }
  vocab.scores.assign(vocab.tokens.size(), 0.0f);
  for (const std::string& piece : pieces) {
    vocab.scores.push_back(-static_cast<float>(vocab.tokens.size()));
    vocab.tokens.push_back(piece);
    vocab.types.push_back(TokenType::kNormal);
  }
  vocab.unk = 0;
  vocab.bos = 1;
  vocab.eos = 2;
  return vocab;
}

inline std::string RandomBytes(std::mt19937* random, size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>((*random)() & 0xFF);
  return bytes;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace concord::text
