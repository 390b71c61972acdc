#pragma once

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/base/vocab.h"

namespace concord::text {

// The vocabulary of a Hugging Face tokenizer.json, with the names of special tokens from tokenizer_config.json (empty:
// none). Read are BPE models: byte-level, and SentencePiece-like (Metaspace, or normalizers that mark spaces).
// Other models, and steps that would change the ids and are not known here, are Unimplemented errors that name them.
// NFC normalisation is not applied: a warning says so (text that is in NFC, nearly all text is, has the same ids).
// BOS and EOS are added as post_processor says. `end_ids` stays empty: the list is in generation_config.json.
absl::StatusOr<Vocab> VocabFromTokenizerJson(absl::string_view tokenizer_json, absl::string_view tokenizer_config = {});

}  // namespace concord::text
