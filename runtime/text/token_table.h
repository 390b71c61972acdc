#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/base/vocab.h"

namespace concord::text {

// The checked vocabulary and, for each token, the bytes it stands for. Never changes once models refer to it.
struct TokenTable {
  Vocab vocab;
  std::vector<std::string> bytes;  // by id: "Ġthe" and "▁the" are " the", "<0x0A>" is a newline

  size_t size() const { return vocab.tokens.size(); }
  TokenType type(size_t id) const { return vocab.types.empty() ? TokenType::kNormal : vocab.types[id]; }
};

// What merges the characters of one piece of text into tokens. Immutable once made.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  virtual void Encode(absl::string_view piece, std::vector<int32_t>* ids) const = 0;
};

}  // namespace concord::text
