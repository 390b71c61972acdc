#include "runtime/text/vocab_check.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/string_view.h"

namespace concord::text {
namespace {

constexpr size_t kMaxTokens = size_t{1} << 24;

constexpr std::array<absl::string_view, 21> kEndTexts = {"<|eot_id|>",
                                                         "<|im_end|>",
                                                         "<|end|>",
                                                         "<|return|>",
                                                         "<|call|>",
                                                         "<|flush|>",
                                                         "<|calls|>",
                                                         "<end_of_turn>",
                                                         "<|endoftext|>",
                                                         "</s>",
                                                         "<|eom_id|>",
                                                         "<EOT>",
                                                         "_<EOT>",
                                                         "[EOT]",
                                                         "[EOS]",
                                                         "<|end_of_text|>",
                                                         "<end_of_utterance>",
                                                         "<eos>",
                                                         "<turn|>",
                                                         "<|tool_response>",
                                                         "<｜end▁of▁sentence｜>"};

absl::Status CheckTables(const Vocab& vocab) {
  const size_t count = vocab.tokens.size();
  if (count == 0) return absl::InvalidArgumentError("the tokenizer has no tokens");
  if (count > kMaxTokens) {
    return absl::InvalidArgumentError(absl::StrCat("the tokenizer has ", count, " tokens; at most ", kMaxTokens));
  }
  if (!vocab.types.empty() && vocab.types.size() != count) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tokenizer has ", count, " tokens but ", vocab.types.size(), " token types"));
  }
  for (size_t id = 0; id < vocab.types.size(); ++id) {
    const int type = static_cast<int>(vocab.types[id]);
    if (type < 1 || type > 6) {
      return absl::InvalidArgumentError(absl::StrCat("token ", id, " has the type ", type, "; types are 1 to 6"));
    }
  }
  if (vocab.kind != VocabKind::kSpm) return absl::OkStatus();
  if (vocab.scores.size() != count) {
    return absl::InvalidArgumentError(
        absl::StrCat("the SPM tokenizer has ", count, " tokens but ", vocab.scores.size(), " scores"));
  }
  const auto nan = std::find_if(vocab.scores.begin(), vocab.scores.end(), [](float s) { return std::isnan(s); });
  if (nan == vocab.scores.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the score of token ", nan - vocab.scores.begin(), " is NaN"));
}

absl::Status CheckMerges(const Vocab& vocab) {
  if (vocab.merges.size() > kMaxTokens) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tokenizer has ", vocab.merges.size(), " merges; at most ", kMaxTokens));
  }
  for (size_t rank = 0; rank < vocab.merges.size(); ++rank) {
    const size_t space = vocab.merges[rank].find(' ', 1);
    if (space != std::string::npos && space + 1 < vocab.merges[rank].size()) continue;
    return absl::InvalidArgumentError(absl::StrCat("merge ", rank, " of the tokenizer, \"",
                                                   vocab.merges[rank].substr(0, 80),
                                                   "\", is not two texts with a space between"));
  }
  return absl::OkStatus();
}

absl::Status CheckId(absl::string_view name, int32_t id, size_t count) {
  if (id >= -1 && id < static_cast<int64_t>(count)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the ", name, " token is ", id, ", outside of the ", count, " tokens of the tokenizer"));
}

}  // namespace

absl::Status CheckVocab(Vocab* vocab) {
  CONCORD_RETURN_IF_ERROR(CheckTables(*vocab));
  CONCORD_RETURN_IF_ERROR(CheckMerges(*vocab));
  const size_t count = vocab->tokens.size();
  CONCORD_RETURN_IF_ERROR(CheckId("bos", vocab->bos, count));
  CONCORD_RETURN_IF_ERROR(CheckId("eos", vocab->eos, count));
  CONCORD_RETURN_IF_ERROR(CheckId("eot", vocab->eot, count));
  CONCORD_RETURN_IF_ERROR(CheckId("eom", vocab->eom, count));
  CONCORD_RETURN_IF_ERROR(CheckId("unknown", vocab->unk, count));
  for (int32_t id : vocab->end_ids) CONCORD_RETURN_IF_ERROR(CheckId("end-of-generation", id, count));
  for (const SpecialMatch& match : vocab->special_matches) CONCORD_RETURN_IF_ERROR(CheckId("added", match.id, count));
  if (!CheckId("padding", vocab->pad, count).ok()) {
    vocab->warnings.push_back(absl::StrCat("the padding token ", vocab->pad, " is outside of the vocabulary"));
    vocab->pad = -1;
  }
  return absl::OkStatus();
}

std::vector<int32_t> EndOfGeneration(const Vocab& vocab) {
  std::vector<int32_t> ids = vocab.end_ids;
  ids.insert(ids.end(), {vocab.eos, vocab.eot, vocab.eom});
  int32_t end = -1;
  bool has_return = false, has_call = false;
  for (size_t id = 0; id < vocab.tokens.size(); ++id) {
    const std::string& text = vocab.tokens[id];
    if (std::find(kEndTexts.begin(), kEndTexts.end(), text) == kEndTexts.end()) continue;
    ids.push_back(static_cast<int32_t>(id));
    if (text == "<|end|>") end = static_cast<int32_t>(id);
    has_return = has_return || text == "<|return|>";
    has_call = has_call || text == "<|call|>";
  }
  // The harmony format (gpt-oss) ends each message with <|end|> and only the last one otherwise.
  const bool harmony = has_return && has_call;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  ids.erase(std::remove_if(ids.begin(), ids.end(), [&](int32_t id) { return id < 0 || (harmony && id == end); }),
            ids.end());
  return ids;
}

}  // namespace concord::text
