#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"
#include "runtime/base/status.h"
#include "runtime/base/vocab.h"

// What tokenizer.json and tokenizer_config.json have in common. Private to text.
namespace concord::text {

using Json = nlohmann::json;

// The JSON object in `text`; `file` names it in errors.
absl::StatusOr<Json> ParseObject(absl::string_view text, absl::string_view file);

// The member `key`, or a null value when `object` has none or is no object.
const Json& Member(const Json& object, const char* key);

// The member `key` when it is an array, else an empty array.
const Json& ArrayMember(const Json& object, const char* key);

// The member `key` where it has the type, else the default.
std::string StringOr(const Json& object, const char* key, const char* otherwise);
bool BoolOr(const Json& object, const char* key, bool otherwise);

// Places token `id` in the table, which grows as needed; fails on ids that would leave an absurd hole.
absl::Status PlaceToken(int64_t id, const std::string& text, TokenType type, Vocab* vocab);

// Places a token of added_tokens or added_tokens_decoder, with its matching rules.
absl::Status PlaceAddedToken(int64_t id, const Json& token, Vocab* vocab);

// The ids of holes get a name and the type unused.
void FillHoles(Vocab* vocab);

// The id of the token with this text, or -1.
int32_t FindToken(const Vocab& vocab, absl::string_view text);

// Adds what tokenizer_config.json says: added_tokens_decoder, and the bos, eos, unk and pad tokens not known yet.
absl::Status ApplyTokenizerConfig(const Json& config, Vocab* vocab);

}  // namespace concord::text
