// libFuzzer: -max_len=4096 -timeout=60
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/text/sentencepiece.h"
#include "runtime/text/stream_detokenizer.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/tokenizer_json.h"

// Tokenizer files and texts. The first byte says what the input is: a tokenizer.json, a tokenizer.model, or a text for
// one of a few fixed vocabularies; behind the first 0xFF byte, which JSON cannot hold, stands the text to encode.
namespace {

using concord::TokenType;
using concord::Vocab;
using concord::VocabKind;
using concord::text::StreamDetokenizer;
using concord::text::Tokenizer;

void Require(bool condition) {
  if (!condition) std::abort();
}

// Whatever the vocabulary, ids lie in it and streaming gives out all that decoding does.
void Use(const Tokenizer& tokenizer, absl::string_view text, bool exact) {
  for (const bool parse_special : {false, true}) {
    const auto ids = tokenizer.Encode(text, {.parse_special = parse_special});
    if (!ids.ok()) continue;
    StreamDetokenizer stream(tokenizer, /*at_text_start=*/true);
    std::string streamed;
    for (const int32_t id : *ids) {
      Require(id >= 0 && id < tokenizer.vocab_size());
      streamed += stream.Push(id);
    }
    streamed += stream.Flush();
    const std::string decoded = tokenizer.Decode(*ids);
    Require(streamed.size() >= decoded.size());
    if (exact && !parse_special) Require(decoded == text);
  }
}

// A byte-level vocabulary of the 256 bytes in their alphabet, a few merges and special tokens.
Vocab ByteVocab(const char* pre) {
  Vocab vocab;
  vocab.kind = VocabKind::kByteLevelBpe;
  vocab.pre = pre;
  int shifted = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool itself = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    const int code = itself ? byte : shifted++;
    std::string token(1, static_cast<char>(code));
    if (code >= 0x80) token = {static_cast<char>(0xC0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3F))};
    vocab.tokens.push_back(token);
  }
  vocab.merges = {"a a", "aa aa", "Ġ a", "Ġ Ġ", "ĠĠ ĠĠ", "Ã ©", "1 1"};
  for (const char* token : {"aa", "aaaa", "Ġa", "ĠĠ", "ĠĠĠĠ", "Ã©", "11"}) vocab.tokens.push_back(token);
  vocab.types.assign(vocab.tokens.size(), TokenType::kNormal);
  vocab.tokens.push_back("<|end|>");
  vocab.types.push_back(TokenType::kControl);
  return vocab;
}

const Tokenizer* FixedTokenizer(size_t which) {
  static const std::vector<std::unique_ptr<Tokenizer>>& all = *[] {
    auto* made = new std::vector<std::unique_ptr<Tokenizer>>;
    for (const char* pre : {"deepseek-coder", "deepseek-llm", "deepseek-v3", "default", "gpt-2", "gpt-4o", "llama-bpe",
                            "qwen2", "qwen35", "smollm"}) {
      auto tokenizer = Tokenizer::Create(ByteVocab(pre));
      Require(tokenizer.ok());
      made->push_back(*std::move(tokenizer));
    }
    return made;
  }();
  return all[which % all.size()].get();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const absl::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
  const size_t cut = input.find('\xFF');
  const absl::string_view file = input.substr(0, cut);
  const absl::string_view text = cut == absl::string_view::npos ? "a <|end|> \xC3" : input.substr(cut + 1);
  if (data[0] % 4 >= 2) {
    Use(*FixedTokenizer(data[0] / 4), input, /*exact=*/true);
    return 0;
  }
  auto vocab = data[0] % 4 == 0 ? concord::text::VocabFromTokenizerJson(file)
                                : concord::text::VocabFromSentencePiece(file, data[0] & 4 ? text : "");
  if (!vocab.ok()) return 0;
  auto tokenizer = Tokenizer::Create(*std::move(vocab));
  if (tokenizer.ok()) Use(**tokenizer, text, /*exact=*/false);
  return 0;
}
