#pragma once

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/base/vocab.h"

namespace concord::text {

// The vocabulary of a SentencePiece tokenizer.model (a serialised ModelProto) of type BPE, with added tokens and the
// names of special tokens from tokenizer_config.json (empty: none). Unigram models are an Unimplemented error.
// The space prefix stands at the start of the text only, as SentencePiece has it; with a configuration that does not
// say "legacy": false it also stands behind special tokens, as Hugging Face's first converters (and GGUF) have it. A
// normaliser table (nmt_nfkc) is not applied; a warning says so.
absl::StatusOr<Vocab> VocabFromSentencePiece(absl::string_view model, absl::string_view tokenizer_config = {});

}  // namespace concord::text
