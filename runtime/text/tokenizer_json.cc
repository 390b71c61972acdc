#include "runtime/text/tokenizer_json.h"

#include <string>

#include "runtime/text/byte_alphabet.h"
#include "runtime/text/hf_json.h"
#include "runtime/text/hf_pipeline.h"
#include "runtime/text/no_throw.h"

namespace concord::text {
namespace {

absl::Status CheckModel(const Json& model) {
  if (!model.is_object()) return absl::InvalidArgumentError("tokenizer.json has no \"model\"");
  const std::string type = StringOr(model, "type", Member(model, "merges").is_array() ? "BPE" : "");
  if (type != "BPE") {
    return absl::UnimplementedError(
        absl::StrCat("tokenizer.json: the model type is ", type.empty() ? "missing" : type, "; only BPE is supported"));
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (StringOr(model, key, "").empty()) continue;
    return absl::UnimplementedError(absl::StrCat("tokenizer.json: a BPE model with ", key, " is not supported"));
  }
  return absl::OkStatus();
}

absl::Status ReadTokens(const Json& model, Vocab* vocab) {
  const Json& tokens = Member(model, "vocab");
  if (!tokens.is_object() || tokens.empty())
    return absl::InvalidArgumentError("tokenizer.json: the model has no vocab");
  // The ids are dense but come in no order, so the table is made large enough for all of them first.
  vocab->tokens.resize(tokens.size());
  vocab->types.assign(tokens.size(), TokenType::kUnused);
  const bool bytes = vocab->kind == VocabKind::kSpmBpe && vocab->byte_fallback;
  for (auto item = tokens.begin(); item != tokens.end(); ++item) {
    if (!item->is_number_integer()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tokenizer.json: the token \"", item.key().substr(0, 80), "\" has no integer id"));
    }
    const int64_t id = item->get<int64_t>();
    const bool taken =
        id >= 0 && id < static_cast<int64_t>(vocab->types.size()) && vocab->types[id] != TokenType::kUnused;
    if (taken) {
      return absl::InvalidArgumentError(absl::StrCat("tokenizer.json: the tokens \"", vocab->tokens[id].substr(0, 80),
                                                     "\" and \"", item.key().substr(0, 80), "\" both have the id ",
                                                     id));
    }
    const bool byte = bytes && ByteOfHexToken(item.key()) >= 0;
    CONCORD_RETURN_IF_ERROR(PlaceToken(id, item.key(), byte ? TokenType::kByte : TokenType::kNormal, vocab));
  }
  return absl::OkStatus();
}

// Merges are "left right", in newer files ["left", "right"].
absl::Status ReadMerges(const Json& model, Vocab* vocab) {
  const Json& merges = Member(model, "merges");
  if (!merges.is_array()) return absl::InvalidArgumentError("tokenizer.json: the model has no list of merges");
  vocab->merges.reserve(merges.size());
  for (const Json& merge : merges) {
    if (merge.is_string()) {
      vocab->merges.push_back(merge.get<std::string>());
      continue;
    }
    const bool pair = merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
    const std::string left = pair ? merge[0].get<std::string>() : "", right = pair ? merge[1].get<std::string>() : "";
    if (left.empty() || right.empty() || left.find(' ', 1) != std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat("tokenizer.json: merge ", vocab->merges.size(),
                                                     " is neither \"left right\" nor a pair of texts without spaces"));
    }
    vocab->merges.push_back(absl::StrCat(left, " ", right));
  }
  return absl::OkStatus();
}

absl::Status ReadAddedTokens(const Json& tokenizer, Vocab* vocab) {
  for (const Json& token : ArrayMember(tokenizer, "added_tokens")) {
    const Json& id = Member(token, "id");
    if (!id.is_number_integer()) return absl::InvalidArgumentError("tokenizer.json: an added token has no integer id");
    CONCORD_RETURN_IF_ERROR(PlaceAddedToken(id.get<int64_t>(), token, vocab));
  }
  return absl::OkStatus();
}

absl::StatusOr<Vocab> Read(absl::string_view tokenizer_json, absl::string_view tokenizer_config) {
  CONCORD_ASSIGN_OR_RETURN(const Json tokenizer, ParseObject(tokenizer_json, "tokenizer.json"));
  const Json& model = Member(tokenizer, "model");
  CONCORD_RETURN_IF_ERROR(CheckModel(model));
  Vocab vocab;
  CONCORD_RETURN_IF_ERROR(ReadHfPipeline(tokenizer, &vocab));
  vocab.byte_fallback = BoolOr(model, "byte_fallback", false);
  vocab.fuse_unk = BoolOr(model, "fuse_unk", false);
  vocab.ignore_merges = BoolOr(model, "ignore_merges", false);
  CONCORD_RETURN_IF_ERROR(ReadTokens(model, &vocab));
  CONCORD_RETURN_IF_ERROR(ReadMerges(model, &vocab));
  CONCORD_RETURN_IF_ERROR(ReadAddedTokens(tokenizer, &vocab));
  vocab.unk = FindToken(vocab, StringOr(model, "unk_token", ""));
  if (vocab.unk >= 0) vocab.types[vocab.unk] = TokenType::kUnknown;
  CONCORD_RETURN_IF_ERROR(ReadHfPostProcessor(tokenizer, &vocab));
  if (!tokenizer_config.empty()) {
    CONCORD_ASSIGN_OR_RETURN(const Json config, ParseObject(tokenizer_config, "tokenizer_config.json"));
    const int32_t unk = vocab.unk;
    CONCORD_RETURN_IF_ERROR(ApplyTokenizerConfig(config, &vocab));
    vocab.unk = unk;  // the model's own, or none: the configuration's takes no part in encoding
  }
  FillHoles(&vocab);
  return vocab;
}

}  // namespace

absl::StatusOr<Vocab> VocabFromTokenizerJson(absl::string_view tokenizer_json, absl::string_view tokenizer_config) {
  return NoThrow([&] { return Read(tokenizer_json, tokenizer_config); });
}

}  // namespace concord::text
