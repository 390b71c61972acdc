#include "runtime/text/bpe_model.h"

#include <algorithm>
#include <optional>

#include "runtime/text/byte_alphabet.h"
#include "runtime/text/utf8.h"

namespace concord::text {
namespace {

uint64_t PairKey(int32_t left, int32_t right) {
  return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) | static_cast<uint32_t>(right);
}

// U+FFFD, and the bytes that no valid UTF-8 holds. Vocabularies made from text (DeepSeek's) have no tokens for these.
constexpr absl::string_view kReplacement = "\xEF\xBF\xBD";
bool NeverInUtf8(int byte) { return byte == 0xC0 || byte == 0xC1 || byte >= 0xF5; }

}  // namespace

BpeModel::BpeModel(const TokenTable& table, bool ignore_merges)
    : table_(table), ignore_merges_(ignore_merges), byte_level_(table.vocab.kind == VocabKind::kByteLevelBpe) {
  byte_ids_.fill(-1);
  AddTokens();
  AddMerges();
}

void BpeModel::AddTokens() {
  symbols_.reserve(table_.size());
  // Normal tokens first: a user-defined token of the same text is found as a special token, never by merging.
  for (TokenType wanted : {TokenType::kNormal, TokenType::kUserDefined}) {
    for (size_t id = 0; id < table_.size(); ++id) {
      if (table_.type(id) != wanted) continue;
      const std::string& text = byte_level_ ? table_.bytes[id] : table_.vocab.tokens[id];
      if (!text.empty()) symbols_.try_emplace(text, static_cast<int32_t>(id));
    }
  }
  for (size_t id = 0; id < table_.size() && !byte_level_; ++id) {
    const int byte = ByteOfHexToken(table_.vocab.tokens[id]);
    if (byte >= 0 && table_.type(id) == TokenType::kByte) byte_ids_[byte] = static_cast<int32_t>(id);
  }
  for (int byte = 0; byte < 256 && byte_level_; ++byte) {
    const char c = static_cast<char>(byte);
    byte_ids_[byte] = Find(absl::string_view(&c, 1));
  }
}

void BpeModel::AddMerges() {
  merges_.reserve(table_.vocab.merges.size());
  uint32_t rank = 0;
  for (absl::string_view merge : table_.vocab.merges) {
    const size_t space = merge.find(' ', 1);
    const uint32_t this_rank = rank++;
    if (space == absl::string_view::npos || space + 1 == merge.size()) continue;
    std::string sides[2] = {std::string(merge.substr(0, space)), std::string(merge.substr(space + 1))};
    for (std::string& side : sides) {
      if (!byte_level_) continue;
      if (std::optional<std::string> bytes = BytesFromAlphabet(side)) side = std::move(*bytes);
    }
    const int32_t left = Intern(sides[0]), right = Intern(sides[1]);
    merges_.try_emplace(PairKey(left, right), Merged<uint32_t>{this_rank, Intern(sides[0] + sides[1])});
  }
  for (int byte = 0; byte < 256 && byte_level_; ++byte) {
    const char c = static_cast<char>(byte);
    if (byte_ids_[byte] < 0) byte_ids_[byte] = Find(absl::string_view(&c, 1));
  }
}

int32_t BpeModel::Intern(const std::string& text) {
  const int32_t known = Find(text);
  if (known >= 0) return known;
  extra_.push_back(text);
  const int32_t id = static_cast<int32_t>(table_.size() + extra_.size() - 1);
  symbols_.emplace(extra_.back(), id);
  return id;
}

int32_t BpeModel::Find(absl::string_view text) const {
  const auto symbol = symbols_.find(text);
  return symbol == symbols_.end() ? -1 : symbol->second;
}

int BpeModel::missing_bytes() const {
  const int32_t tokens = static_cast<int32_t>(table_.size());
  int missing = 0;
  for (int byte = 0; byte < 256 && byte_level_; ++byte) {
    missing += !NeverInUtf8(byte) && (byte_ids_[byte] < 0 || byte_ids_[byte] >= tokens);
  }
  return missing;
}

std::vector<Symbol> BpeModel::Start(absl::string_view piece) const {
  std::vector<Symbol> symbols;
  symbols.reserve(piece.size());
  for (size_t at = 0; at < piece.size();) {
    const size_t size = byte_level_ ? 1 : std::max<size_t>(FirstChar(piece.substr(at)).size, 1);
    const int32_t id = byte_level_ ? byte_ids_[static_cast<uint8_t>(piece[at])] : Find(piece.substr(at, size));
    symbols.push_back({static_cast<uint32_t>(at), static_cast<uint32_t>(size), id});
    at += size;
  }
  LinkSymbols(&symbols);
  return symbols;
}

void BpeModel::Encode(absl::string_view piece, std::vector<int32_t>* ids) const {
  const int32_t tokens = static_cast<int32_t>(table_.size());
  const size_t start = ids->size();
  if (ignore_merges_) {
    const int32_t whole = Find(piece);
    if (whole >= 0 && whole < tokens) {
      ids->push_back(whole);
      return;
    }
  }
  std::vector<Symbol> symbols = Start(piece);
  MergeAll<uint32_t>(&symbols, [&](const Symbol& left, const Symbol& right) -> std::optional<Merged<uint32_t>> {
    if (left.id < 0 || right.id < 0) return std::nullopt;
    const auto merge = merges_.find(PairKey(left.id, right.id));
    if (merge == merges_.end()) return std::nullopt;
    return merge->second;
  });
  for (const Symbol& symbol : symbols) {
    if (symbol.size == 0) continue;
    if (symbol.id >= 0 && symbol.id < tokens) {
      ids->push_back(symbol.id);
    } else {
      EmitParts(piece.substr(symbol.begin, symbol.size), start, ids);
    }
  }
}

void BpeModel::EmitParts(absl::string_view text, size_t start, std::vector<int32_t>* ids) const {
  const int32_t tokens = static_cast<int32_t>(table_.size());
  const auto has_byte = [&](char c) {
    const int32_t id = byte_ids_[static_cast<uint8_t>(c)];
    return id >= 0 && id < tokens;
  };
  while (!text.empty()) {
    const size_t size = byte_level_ ? 1 : std::max<size_t>(FirstChar(text).size, 1);
    const absl::string_view part = text.substr(0, size);
    text.remove_prefix(size);
    const int32_t id = Find(part);
    if (id >= 0 && id < tokens) {
      ids->push_back(id);
    } else if (!byte_level_ && table_.vocab.byte_fallback && std::all_of(part.begin(), part.end(), has_byte)) {
      for (char c : part) ids->push_back(byte_ids_[static_cast<uint8_t>(c)]);
    } else if (byte_level_ && NeverInUtf8(static_cast<uint8_t>(part[0])) &&
               std::all_of(kReplacement.begin(), kReplacement.end(), has_byte)) {
      Encode(kReplacement, ids);
    } else {
      EmitUnknown(start, ids);
    }
  }
}

void BpeModel::EmitUnknown(size_t start, std::vector<int32_t>* ids) const {
  const int32_t unk = table_.vocab.unk;
  if (unk < 0) return;
  if (table_.vocab.fuse_unk && ids->size() > start && ids->back() == unk) return;
  ids->push_back(unk);
}

}  // namespace concord::text
