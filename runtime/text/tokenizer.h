#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/base/vocab.h"

namespace concord::text {

struct EncodeOptions {
  std::optional<bool> add_bos = {};  // empty: as the vocabulary says
  std::optional<bool> add_eos = {};  // empty: as the vocabulary says
  // Whether the text of control tokens ("<|im_end|>") in the input becomes these tokens. Off, it is plain text, so that
  // what a user types cannot end a turn. User-defined tokens are matched either way.
  bool parse_special = false;
};

// Text to token ids and back, for SPM and byte-level BPE vocabularies.
//
// Special tokens are found from left to right, the longest at each place. What is between them is split by the
// pre-tokenizer and merged. Any bytes are text: where they are not valid UTF-8 the pre-tokenizer cuts in front of and
// behind the ill-formed part, which is encoded by bytes, so that all bytes survive a round trip as long as the
// vocabulary has a token for each byte. Exceptions: a byte that is in no valid UTF-8 and has no token becomes U+FFFD;
// SentencePiece kinds cannot tell "▁" from a space, it comes back as one. No Unicode normalisation is applied.
//
// Immutable after Create: all methods may be called from several threads at once.
class Tokenizer {
 public:
  // Checks `vocab` (ids in range, sizes that agree, a known `pre`) and builds the search tables.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> Create(Vocab vocab);
  ~Tokenizer();

  // The ids of `text`. Fails when BOS or EOS is asked for and the vocabulary has none, when the text has more than 512
  // MiB, and when a regex of the model's own exceeds its matching limit.
  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text, const EncodeOptions& options = {}) const;

  // The bytes that token `id` adds to the text; they may be a part of a UTF-8 character. Control, unknown and unused
  // tokens and ids outside of the vocabulary (models may have more rows than tokens) give nothing; with `special`, the
  // former give their text. The view lives as long as the tokenizer.
  absl::string_view Piece(int32_t id, bool special = false) const;

  // The pieces joined, without the space that Encode put in front of the text. Exactly the bytes that were encoded when
  // `ids` came from Encode without special tokens; not necessarily valid UTF-8 for other ids.
  std::string Decode(absl::Span<const int32_t> ids, bool special = false) const;

  // The entry of the vocabulary as the file has it ("Ġthe", "▁the", "<0x0A>"); empty outside of the vocabulary.
  absl::string_view TokenText(int32_t id) const;

  // The id whose entry is `text` as TokenText gives it, or -1.
  int32_t FindToken(absl::string_view text) const;

  int32_t vocab_size() const;
  TokenType type(int32_t id) const;  // kUnused outside of the vocabulary
  int32_t bos() const;               // -1: none; so are the others
  int32_t eos() const;
  int32_t unk() const;
  int32_t pad() const;
  bool adds_bos() const;
  bool adds_eos() const;

  // Whether the first token of a text begins with a space that Decode drops.
  bool strips_leading_space() const;

  // Every id that ends a generation, in increasing order: eos, eot, eom, the model's own list, and the tokens whose
  // text is known to end a turn.
  absl::Span<const int32_t> end_of_generation() const;
  bool IsEndOfGeneration(int32_t id) const;

  // What of the vocabulary could not be honoured exactly; for the user to read.
  const std::vector<std::string>& warnings() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace concord::text
