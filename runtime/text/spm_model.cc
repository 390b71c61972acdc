#include "runtime/text/spm_model.h"

#include <algorithm>
#include <optional>

#include "runtime/text/byte_alphabet.h"
#include "runtime/text/merge.h"
#include "runtime/text/utf8.h"

namespace concord::text {

SpmModel::SpmModel(const TokenTable& table) : table_(table) {
  byte_ids_.fill(-1);
  entries_.reserve(table.size());
  for (size_t id = 0; id < table.size(); ++id) {
    const std::string& text = table.vocab.tokens[id];
    const int byte = ByteOfHexToken(text);
    const TokenType type = table.type(id);
    if (byte >= 0 && (type == TokenType::kByte || table.vocab.types.empty())) {
      byte_ids_[byte] = static_cast<int32_t>(id);
      continue;
    }
    // Control tokens are left out: merging text must never make one.
    const bool plain = type == TokenType::kNormal || type == TokenType::kUserDefined || type == TokenType::kUnused;
    if (!plain || text.empty()) continue;
    entries_.try_emplace(text, Entry{static_cast<int32_t>(id), table.vocab.scores[id]});
    longest_ = std::max(longest_, text.size());
  }
}

void SpmModel::Encode(absl::string_view piece, std::vector<int32_t>* ids) const {
  std::vector<Symbol> symbols;
  for (size_t at = 0; at < piece.size();) {
    const size_t size = std::max<size_t>(FirstChar(piece.substr(at)).size, 1);
    symbols.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(size)});
    at += size;
  }
  LinkSymbols(&symbols);
  Splits splits;
  MergeAll<float>(&symbols, [&](const Symbol& left, const Symbol& right) -> std::optional<Merged<float>> {
    const size_t size = left.size + right.size;
    if (size > longest_) return std::nullopt;
    const absl::string_view text = piece.substr(left.begin, size);
    const auto entry = entries_.find(text);
    if (entry == entries_.end()) return std::nullopt;
    if (table_.type(entry->second.id) == TokenType::kUnused) splits[text] = left.size;
    return Merged<float>{-entry->second.score, entry->second.id};
  });
  for (const Symbol& symbol : symbols) {
    if (symbol.size > 0) Emit(piece.substr(symbol.begin, symbol.size), splits, ids);
  }
}

void SpmModel::Emit(absl::string_view text, const Splits& splits, std::vector<int32_t>* ids) const {
  const auto entry = entries_.find(text);
  if (entry != entries_.end()) {
    // An unused token is a step on the way to longer ones; where merging ended on it, it is taken apart again.
    const auto split = splits.find(text);
    if (split == splits.end()) {
      ids->push_back(entry->second.id);
      return;
    }
    Emit(text.substr(0, split->second), splits, ids);
    Emit(text.substr(split->second), splits, ids);
    return;
  }
  const bool all_bytes =
      std::all_of(text.begin(), text.end(), [&](char c) { return byte_ids_[static_cast<uint8_t>(c)] >= 0; });
  if (all_bytes) {
    for (char c : text) ids->push_back(byte_ids_[static_cast<uint8_t>(c)]);
  } else if (table_.vocab.unk >= 0) {
    ids->push_back(table_.vocab.unk);
  }
}

}  // namespace concord::text
