#include "runtime/text/hf_json.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/numbers.h"

namespace concord::text {
namespace {

// Real files leave holes of a few hundred ids at most; what a hostile id could make us allocate is bounded by this.
constexpr int64_t kMaxHole = 65536;

// A special token is written as "<s>" or as {"content": "<s>", ...}.
std::string TokenName(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return StringOr(value, "content", "");
}

}  // namespace

absl::StatusOr<Json> ParseObject(absl::string_view text, absl::string_view file) {
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return absl::InvalidArgumentError(absl::StrCat(file, " is not valid JSON"));
  if (!json.is_object()) return absl::InvalidArgumentError(absl::StrCat(file, " is not a JSON object"));
  return json;
}

const Json& Member(const Json& object, const char* key) {
  static const Json& null = *new Json(nullptr);  // never destroyed: threads may outlive main
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

const Json& ArrayMember(const Json& object, const char* key) {
  static const Json& empty = *new Json(Json::array());
  const Json& value = Member(object, key);
  return value.is_array() ? value : empty;
}

std::string StringOr(const Json& object, const char* key, const char* otherwise) {
  const Json& value = Member(object, key);
  return value.is_string() ? value.get<std::string>() : otherwise;
}

bool BoolOr(const Json& object, const char* key, bool otherwise) {
  const Json& value = Member(object, key);
  return value.is_boolean() ? value.get<bool>() : otherwise;
}

absl::Status PlaceToken(int64_t id, const std::string& text, TokenType type, Vocab* vocab) {
  const int64_t size = static_cast<int64_t>(vocab->tokens.size());
  if (id < 0 || id > size + kMaxHole) {
    return absl::InvalidArgumentError(
        absl::StrCat("the token \"", text.substr(0, 80), "\" has the id ", id, "; the ids before it end at ", size));
  }
  if (id >= size) {
    vocab->tokens.resize(id + 1);
    vocab->types.resize(id + 1, TokenType::kUnused);
    if (vocab->kind == VocabKind::kSpm) vocab->scores.resize(id + 1, 0.0f);
  }
  vocab->tokens[id] = text;
  vocab->types[id] = type;
  return absl::OkStatus();
}

absl::Status PlaceAddedToken(int64_t id, const Json& token, Vocab* vocab) {
  const std::string text = StringOr(token, "content", "");
  if (text.empty()) return absl::InvalidArgumentError(absl::StrCat("the added token ", id, " has no text"));
  const bool in_table = id >= 0 && id < static_cast<int64_t>(vocab->tokens.size());
  if (in_table && vocab->types[id] != TokenType::kUnused && vocab->tokens[id] != text) {
    vocab->warnings.push_back(
        absl::StrCat("the added token \"", text, "\" takes the id ", id, " of \"", vocab->tokens[id], "\""));
  }
  const TokenType type = BoolOr(token, "special", false) ? TokenType::kControl : TokenType::kUserDefined;
  CONCORD_RETURN_IF_ERROR(PlaceToken(id, text, type, vocab));
  const SpecialMatch match = {static_cast<int32_t>(id), BoolOr(token, "lstrip", false), BoolOr(token, "rstrip", false),
                              BoolOr(token, "single_word", false)};
  if (match.lstrip || match.rstrip || match.single_word) vocab->special_matches.push_back(match);
  return absl::OkStatus();
}

void FillHoles(Vocab* vocab) {
  for (size_t id = 0; id < vocab->tokens.size(); ++id) {
    if (vocab->types[id] == TokenType::kUnused && vocab->tokens[id].empty()) {
      vocab->tokens[id] = absl::StrCat("[PAD", id, "]");
    }
  }
}

int32_t FindToken(const Vocab& vocab, absl::string_view text) {
  const auto found = std::find(vocab.tokens.begin(), vocab.tokens.end(), text);
  return text.empty() || found == vocab.tokens.end() ? -1 : static_cast<int32_t>(found - vocab.tokens.begin());
}

absl::Status ApplyTokenizerConfig(const Json& config, Vocab* vocab) {
  const Json& added = Member(config, "added_tokens_decoder");
  std::vector<std::pair<int64_t, const Json*>> tokens;
  for (auto item = added.begin(); added.is_object() && item != added.end(); ++item) {
    int64_t id = 0;
    if (!absl::SimpleAtoi(item.key(), &id)) {
      return absl::InvalidArgumentError(
          absl::StrCat("tokenizer_config.json: the added token id \"", item.key().substr(0, 80), "\" is no number"));
    }
    // tokenizer.json has said it already, and it is what the fast tokenizers go by.
    const bool known = id >= 0 && id < static_cast<int64_t>(vocab->tokens.size()) &&
                       vocab->types[id] != TokenType::kUnused && vocab->types[id] != TokenType::kNormal;
    if (!known) tokens.emplace_back(id, &*item);
  }
  // JSON keys come in the order of strings; holes are measured in the order of numbers.
  std::sort(tokens.begin(), tokens.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [id, token] : tokens) CONCORD_RETURN_IF_ERROR(PlaceAddedToken(id, *token, vocab));
  const std::array<std::pair<const char*, int32_t*>, 4> names = {
      {{"bos_token", &vocab->bos}, {"eos_token", &vocab->eos}, {"unk_token", &vocab->unk}, {"pad_token", &vocab->pad}}};
  for (const auto& [key, id] : names) {
    if (*id < 0) *id = FindToken(*vocab, TokenName(Member(config, key)));
  }
  return absl::OkStatus();
}

}  // namespace concord::text
