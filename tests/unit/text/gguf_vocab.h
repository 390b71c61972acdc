#pragma once

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/vocab.h"

// Reads the tokenizer of a trusted, little-endian GGUF file. For tests only: text may not see the loader.
namespace concord::text {

class GgufVocabReader {
 public:
  static std::optional<Vocab> Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return std::nullopt;
    GgufVocabReader reader;
    reader.bytes_.assign(std::istreambuf_iterator<char>(file), {});
    reader.at_ = 4 + 4 + 8;
    const uint64_t count = reader.Get<uint64_t>();
    for (uint64_t i = 0; i < count; ++i) reader.KeyValue();
    return reader.vocab_;
  }

 private:
  template <typename T>
  T Get() {
    T value;
    std::memcpy(&value, &bytes_.at(at_), sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::string String() {
    const uint64_t size = Get<uint64_t>();
    std::string text = bytes_.substr(at_, size);
    at_ += size;
    return text;
  }

  double Number(uint32_t type) {
    switch (type) {
      case 0:
        return Get<uint8_t>();
      case 1:
        return Get<int8_t>();
      case 2:
        return Get<uint16_t>();
      case 3:
        return Get<int16_t>();
      case 4:
        return Get<uint32_t>();
      case 5:
        return Get<int32_t>();
      case 6:
        return Get<float>();
      case 7:
        return Get<uint8_t>();
      case 10:
        return static_cast<double>(Get<uint64_t>());
      case 11:
        return static_cast<double>(Get<int64_t>());
      default:
        return Get<double>();
    }
  }

  void KeyValue() {
    const std::string key = String();
    const uint32_t type = Get<uint32_t>();
    if (type == 8) {
      Text(key, String());
    } else if (type == 9) {
      Array(key);
    } else {
      Scalar(key, Number(type));
    }
  }

  void Array(const std::string& key) {
    const uint32_t type = Get<uint32_t>();
    const uint64_t count = Get<uint64_t>();
    for (uint64_t i = 0; i < count; ++i) {
      if (type == 8) {
        std::string text = String();
        if (key == "tokenizer.ggml.tokens") vocab_.tokens.push_back(text);
        if (key == "tokenizer.ggml.merges") vocab_.merges.push_back(text);
      } else {
        const double number = Number(type);
        if (key == "tokenizer.ggml.scores") vocab_.scores.push_back(static_cast<float>(number));
        if (key == "tokenizer.ggml.token_type") vocab_.types.push_back(static_cast<TokenType>(number));
      }
    }
  }

  void Text(const std::string& key, const std::string& text) {
    if (key == "tokenizer.ggml.model") vocab_.kind = text == "llama" ? VocabKind::kSpm : VocabKind::kByteLevelBpe;
    if (key == "tokenizer.ggml.pre") vocab_.pre = text;
  }

  void Scalar(const std::string& key, double number) {
    const int32_t id = static_cast<int32_t>(number);
    if (key == "tokenizer.ggml.bos_token_id") vocab_.bos = id;
    if (key == "tokenizer.ggml.eos_token_id") vocab_.eos = id;
    if (key == "tokenizer.ggml.unknown_token_id") vocab_.unk = id;
    if (key == "tokenizer.ggml.padding_token_id") vocab_.pad = id;
    if (key == "tokenizer.ggml.add_bos_token") vocab_.add_bos = id != 0;
    if (key == "tokenizer.ggml.add_eos_token") vocab_.add_eos = id != 0;
    if (key == "tokenizer.ggml.add_space_prefix") vocab_.add_space_prefix = id != 0;
  }

  std::string bytes_;
  size_t at_ = 0;
  Vocab vocab_;
};

}  // namespace concord::text
