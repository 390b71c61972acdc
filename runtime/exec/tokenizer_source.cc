#include "runtime/exec/tokenizer_source.h"

#include "runtime/text/sentencepiece.h"
#include "runtime/text/tokenizer_json.h"

namespace concord::exec {
namespace {

absl::StatusOr<Vocab> ReadVocab(const loader::ModelSource& source) {
  const loader::TokenizerData& data = source.tokenizer();
  if (data.vocab != nullptr) return *data.vocab;
  CONCORD_RETURN_IF_ERROR(data.vocab_status);
  if (!data.tokenizer_json.empty())
    return text::VocabFromTokenizerJson(data.tokenizer_json, data.tokenizer_config_json);
  if (!data.tokenizer_model.empty())
    return text::VocabFromSentencePiece(data.tokenizer_model, data.tokenizer_config_json);
  return absl::NotFoundError(absl::StrCat(
      source.path(),
      ": no tokenizer; a GGUF file needs tokenizer.ggml.* keys, a folder tokenizer.json or tokenizer.model"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<text::Tokenizer>> MakeTokenizer(const loader::ModelSource& source) {
  CONCORD_ASSIGN_OR_RETURN(Vocab vocab, ReadVocab(source));
  for (int64_t id : source.generation().eos_ids) {
    if (id >= 0 && id < static_cast<int64_t>(vocab.tokens.size())) vocab.end_ids.push_back(static_cast<int32_t>(id));
  }
  absl::StatusOr<std::unique_ptr<text::Tokenizer>> tokenizer = text::Tokenizer::Create(std::move(vocab));
  return tokenizer.ok() ? std::move(tokenizer) : Annotate(tokenizer.status(), source.path());
}

}  // namespace concord::exec
