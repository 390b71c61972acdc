#include "runtime/text/special_tokens.h"

#include <algorithm>

#include "runtime/text/utf8.h"

namespace concord::text {
namespace {

bool IsSpecial(TokenType type) {
  return type == TokenType::kControl || type == TokenType::kUserDefined || type == TokenType::kUnknown;
}

// Where the whitespace at the end of `text` begins.
size_t TrimmedRight(absl::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t begin = end - 1;
    while (begin > 0 && end - begin < 4 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
    const Utf8Char c = FirstChar(text.substr(begin, end - begin));
    if (c.size != end - begin || !IsWhiteSpace(c.code)) break;
    end = begin;
  }
  return end;
}

// Where the whitespace at the start of `text` ends.
size_t TrimmedLeft(absl::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const Utf8Char c = FirstChar(text.substr(at));
    if (c.size == 0 || !IsWhiteSpace(c.code)) break;
    at += c.size;
  }
  return at;
}

// Letters beyond ASCII count as word characters without a look at their class: the attribute is rare.
bool IsWordByte(char c) {
  const uint8_t b = static_cast<uint8_t>(c);
  return b >= 0x80 || b == '_' || (b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z');
}

}  // namespace

SpecialTokens::SpecialTokens(const TokenTable& table) : nodes_(1) {
  for (size_t id = 0; id < table.size(); ++id) {
    const std::string& text = table.vocab.tokens[id];
    const TokenType type = table.type(id);
    if (!text.empty() && IsSpecial(type)) Add(text, static_cast<int32_t>(id), type == TokenType::kUserDefined);
  }
  for (const SpecialMatch& rule : table.vocab.special_matches) rules_[rule.id] = rule;
}

void SpecialTokens::Add(absl::string_view text, int32_t id, bool always) {
  first_byte_[static_cast<uint8_t>(text[0])] = true;
  uint32_t node = 0;
  for (char c : text) {
    const uint64_t key = (static_cast<uint64_t>(node) << 8) | static_cast<uint8_t>(c);
    const auto [edge, added] = edges_.try_emplace(key, static_cast<uint32_t>(nodes_.size()));
    if (added) nodes_.emplace_back();
    node = edge->second;
  }
  if (nodes_[node].id < 0) nodes_[node] = {id, always};
}

SpecialTokens::Match SpecialTokens::LongestAt(absl::string_view text, size_t at, bool parse_special) const {
  Match best;
  uint32_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    const auto edge = edges_.find((static_cast<uint64_t>(node) << 8) | static_cast<uint8_t>(text[i]));
    if (edge == edges_.end()) break;
    node = edge->second;
    if (nodes_[node].id < 0 || !(nodes_[node].always || parse_special)) continue;
    const auto rule = rules_.find(nodes_[node].id);
    const bool touched = (at > 0 && IsWordByte(text[at - 1])) || (i + 1 < text.size() && IsWordByte(text[i + 1]));
    if (rule != rules_.end() && rule->second.single_word && touched) continue;
    best = {nodes_[node].id, i + 1 - at};
  }
  return best;
}

std::vector<Fragment> SpecialTokens::Split(absl::string_view text, bool parse_special) const {
  std::vector<Fragment> fragments;
  size_t begin = 0;  // of the text that is in no fragment yet
  const auto add_text = [&](size_t end) {
    if (end > begin) fragments.push_back({-1, text.substr(begin, end - begin)});
  };
  for (size_t at = 0; at < text.size();) {
    const Match match = first_byte_[static_cast<uint8_t>(text[at])] ? LongestAt(text, at, parse_special) : Match{};
    if (match.id < 0) {
      ++at;
      continue;
    }
    const auto rule = rules_.find(match.id);
    const bool lstrip = rule != rules_.end() && rule->second.lstrip;
    const bool rstrip = rule != rules_.end() && rule->second.rstrip;
    add_text(lstrip ? begin + TrimmedRight(text.substr(begin, at - begin)) : at);
    fragments.push_back({match.id, text.substr(at, match.size)});
    at += match.size;
    if (rstrip) at += TrimmedLeft(text.substr(at));
    begin = at;
  }
  begin = std::min(begin, text.size());
  add_text(text.size());
  return fragments;
}

}  // namespace concord::text
