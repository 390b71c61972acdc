#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace concord {

// How text becomes token ids.
enum class VocabKind {
  kSpm,           // SentencePiece BPE: merge by score (GGUF model "llama", tokenizer.model)
  kByteLevelBpe,  // byte-level BPE: merge by rank, tokens in the byte-to-unicode alphabet (GGUF model "gpt2")
  kSpmBpe,        // SentencePiece-like text ("▁" for space, "<0xNN>" bytes), merge by rank (converted tokenizer.json)
};

// The numbers are those of GGUF's tokenizer.ggml.token_type and of SentencePiece's piece types.
enum class TokenType : int8_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

// One step of splitting text before merging. Steps apply in order, each to every piece the steps before it left.
struct SplitStep {
  // Where a match is cut off from the text around it: both sides (isolated), only behind it, only in front of it.
  enum class Cut { kIsolated, kMergeWithPrevious, kMergeWithNext };
  std::string regex;  // Perl syntax, Unicode classes
  Cut cut = Cut::kIsolated;
};

// How a special token is found in text, where that differs from "exactly its characters".
struct SpecialMatch {
  int32_t id = -1;
  bool lstrip = false;       // also swallows the whitespace in front of it
  bool rstrip = false;       // also swallows the whitespace behind it
  bool single_word = false;  // only where no word character touches it
};

// A tokenizer as data: filled by the loader from GGUF metadata and by text from tokenizer.json or tokenizer.model,
// turned into a concord::text::Tokenizer, which checks it. Nothing here is trusted. An empty optional means "the file
// does not say": the tokenizer then takes the default of the kind and of `pre`. An id of -1 means none.
struct Vocab {
  VocabKind kind = VocabKind::kByteLevelBpe;
  std::vector<std::string> tokens;  // by id; text as in GGUF: control and user-defined tokens are plain text
  std::vector<float> scores;        // by id, needed by kSpm only: the highest score merges first
  std::vector<TokenType> types;     // by id; empty = all normal
  std::vector<std::string> merges;  // "left right" in order of rank; split at the first space behind position 0
  std::string pre;                  // tokenizer.ggml.pre; names the split steps of a kByteLevelBpe
  std::vector<SplitStep> splits;    // explicit steps; used in place of `pre` when has_splits
  bool has_splits = false;

  int32_t bos = -1, eos = -1, eot = -1, eom = -1, unk = -1, pad = -1;
  std::vector<int32_t> end_ids;  // further ids that end a generation (generation_config.json's eos list)

  std::optional<bool> add_bos;
  std::optional<bool> add_eos;
  std::optional<bool> add_space_prefix;
  bool space_prefix_first_only = false;      // only at the start of the text, not behind special tokens
  bool space_prefix_unless_present = false;  // not in front of text that begins with a space
  std::optional<bool> ignore_merges;         // a piece that is a token is taken whole
  bool byte_fallback = true;                 // kSpmBpe: unknown characters become their "<0xNN>" tokens
  bool fuse_unk = false;                     // kSpmBpe: a run of unknown characters becomes one `unk`
  bool remove_extra_whitespaces = false;     // kSpm: trim, and make runs of spaces one (SentencePiece's normaliser)
  std::vector<SpecialMatch> special_matches;

  std::vector<std::string> warnings;  // what could not be honoured exactly, for the user to read
};

}  // namespace concord
