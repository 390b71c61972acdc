#include "runtime/text/tokenizer.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "runtime/text/bpe_model.h"
#include "runtime/text/byte_alphabet.h"
#include "runtime/text/no_throw.h"
#include "runtime/text/pre_tokenizer.h"
#include "runtime/text/special_tokens.h"
#include "runtime/text/spm_model.h"
#include "runtime/text/token_table.h"
#include "runtime/text/vocab_check.h"

namespace concord::text {
namespace {

constexpr absl::string_view kSpaceMark = "\xE2\x96\x81";  // "▁", U+2581
constexpr size_t kMaxTextBytes = size_t{1} << 29;         // offsets are 32 bits, and "▁" is three bytes

std::string BytesOf(const Vocab& vocab, size_t id) {
  const std::string& text = vocab.tokens[id];
  const TokenType type = vocab.types.empty() ? TokenType::kNormal : vocab.types[id];
  const int byte = ByteOfHexToken(text);
  const bool untyped_spm = vocab.types.empty() && vocab.kind == VocabKind::kSpm;
  if (byte >= 0 && (type == TokenType::kByte || untyped_spm)) return std::string(1, static_cast<char>(byte));
  if (type != TokenType::kNormal) return text;
  if (vocab.kind == VocabKind::kByteLevelBpe) return BytesFromAlphabet(text).value_or(text);
  std::string bytes;
  for (size_t at = 0; at < text.size();) {
    const bool mark = absl::string_view(text).substr(at, kSpaceMark.size()) == kSpaceMark;
    bytes.push_back(mark ? ' ' : text[at]);
    at += mark ? kSpaceMark.size() : 1;
  }
  return bytes;
}

// SentencePiece's normaliser: no spaces at the ends, one space in place of several.
std::string CollapseSpaces(absl::string_view text) {
  std::string out;
  for (char c : text) {
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out.push_back(c);
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string MarkSpaces(absl::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  for (char c : text) {
    if (c == ' ') {
      out.append(kSpaceMark.data(), kSpaceMark.size());
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

struct Tokenizer::Impl {
  TokenTable table;
  absl::flat_hash_map<absl::string_view, int32_t> ids;
  std::unique_ptr<SpecialTokens> specials;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  std::unique_ptr<TokenModel> model;
  std::vector<int32_t> end_ids;
  bool add_bos = false, add_eos = false, add_space_prefix = false;

  absl::Status Build();
  absl::Status BuildPreTokenizer(bool* ignore_merges);
  void BuildTable();

  bool WantsPrefix(absl::string_view text, bool first) const;
  absl::Status EncodeText(absl::string_view text, bool first, Regex::Scratch* scratch, std::vector<int32_t>* ids) const;
};

absl::Status Tokenizer::Impl::Build() {
  Vocab& vocab = table.vocab;
  CONCORD_RETURN_IF_ERROR(CheckVocab(&vocab));
  add_bos = vocab.kind == VocabKind::kSpm;
  bool ignore_merges = false;
  CONCORD_RETURN_IF_ERROR(BuildPreTokenizer(&ignore_merges));
  add_bos = vocab.add_bos.value_or(add_bos) && vocab.bos >= 0;
  add_eos = vocab.add_eos.value_or(false) && vocab.eos >= 0;
  add_space_prefix = vocab.add_space_prefix.value_or(vocab.kind == VocabKind::kSpm);
  BuildTable();
  specials = std::make_unique<SpecialTokens>(table);
  if (vocab.kind == VocabKind::kSpm) {
    model = std::make_unique<SpmModel>(table);
  } else {
    auto bpe = std::make_unique<BpeModel>(table, vocab.ignore_merges.value_or(ignore_merges));
    if (const int missing = bpe->missing_bytes(); missing > 0 && vocab.unk < 0) {
      vocab.warnings.push_back(absl::StrCat(missing, " bytes have no token: text with them loses them"));
    }
    model = std::move(bpe);
  }
  std::vector<std::string>().swap(vocab.merges);  // the model has them in its own form
  end_ids = EndOfGeneration(vocab);
  return absl::OkStatus();
}

absl::Status Tokenizer::Impl::BuildPreTokenizer(bool* ignore_merges) {
  Vocab& vocab = table.vocab;
  std::vector<SplitStep> steps = vocab.splits;
  if (vocab.kind == VocabKind::kByteLevelBpe && !vocab.has_splits) {
    const std::string name = vocab.pre.empty() ? "default" : vocab.pre;
    if (name == "default") {
      vocab.warnings.push_back(
          "the model does not name its pre-tokenizer (tokenizer.ggml.pre): a generic one is used, "
          "and the text may be split otherwise than in training");
    }
    CONCORD_ASSIGN_OR_RETURN(const PreTokenizerPreset preset, FindPreTokenizer(name));
    steps.clear();
    for (const char* regex : preset.regexes) steps.push_back({regex});
    *ignore_merges = preset.ignore_merges;
    add_bos = preset.add_bos;
  }
  CONCORD_ASSIGN_OR_RETURN(PreTokenizer made, PreTokenizer::Create(steps));
  pre_tokenizer = std::make_unique<PreTokenizer>(std::move(made));
  return absl::OkStatus();
}

void Tokenizer::Impl::BuildTable() {
  const size_t count = table.vocab.tokens.size();
  table.bytes.reserve(count);
  ids.reserve(count);
  for (size_t id = 0; id < count; ++id) {
    table.bytes.push_back(BytesOf(table.vocab, id));
    ids.try_emplace(table.vocab.tokens[id], static_cast<int32_t>(id));
  }
}

bool Tokenizer::Impl::WantsPrefix(absl::string_view text, bool first) const {
  const Vocab& vocab = table.vocab;
  if (!add_space_prefix || text.empty() || (vocab.space_prefix_first_only && !first)) return false;
  const bool marked = vocab.kind != VocabKind::kByteLevelBpe && absl::StartsWith(text, kSpaceMark);
  return !(vocab.space_prefix_unless_present && (text.front() == ' ' || marked));
}

absl::Status Tokenizer::Impl::EncodeText(absl::string_view text, bool first, Regex::Scratch* scratch,
                                         std::vector<int32_t>* ids) const {
  std::string changed;
  if (table.vocab.kind == VocabKind::kSpm && table.vocab.remove_extra_whitespaces) {
    changed = CollapseSpaces(text);
    text = changed;
  }
  if (WantsPrefix(text, first)) {
    changed = absl::StrCat(" ", text);
    text = changed;
  }
  if (table.vocab.kind != VocabKind::kByteLevelBpe) {
    changed = MarkSpaces(text);
    text = changed;
  }
  std::vector<absl::string_view> pieces;
  if (table.vocab.kind == VocabKind::kSpm) {
    pieces.push_back(text);
  } else {
    CONCORD_RETURN_IF_ERROR(pre_tokenizer->Split(text, scratch, &pieces));
  }
  for (absl::string_view piece : pieces) model->Encode(piece, ids);
  return absl::OkStatus();
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Create(Vocab vocab) {
  return NoThrow([&]() -> absl::StatusOr<std::unique_ptr<Tokenizer>> {
    auto impl = std::make_unique<Impl>();
    impl->table.vocab = std::move(vocab);
    CONCORD_RETURN_IF_ERROR(impl->Build());
    return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(impl)));
  });
}

absl::StatusOr<std::vector<int32_t>> Tokenizer::Encode(absl::string_view text, const EncodeOptions& options) const {
  const bool bos = options.add_bos.value_or(impl_->add_bos), eos = options.add_eos.value_or(impl_->add_eos);
  if ((bos && this->bos() < 0) || (eos && this->eos() < 0)) {
    return absl::InvalidArgumentError(absl::StrCat("the tokenizer has no ", bos && this->bos() < 0 ? "BOS" : "EOS",
                                                   " token to add; encode without it"));
  }
  if (text.size() > kMaxTextBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the text has ", text.size(), " bytes; at most ", kMaxTextBytes, " are encoded at once"));
  }
  return NoThrow([&]() -> absl::StatusOr<std::vector<int32_t>> {
    std::vector<int32_t> ids;
    if (bos) ids.push_back(this->bos());
    Regex::Scratch scratch;
    bool first = true;
    for (const Fragment& fragment : impl_->specials->Split(text, options.parse_special)) {
      if (fragment.id >= 0) {
        ids.push_back(fragment.id);
      } else {
        CONCORD_RETURN_IF_ERROR(impl_->EncodeText(fragment.text, first, &scratch, &ids));
      }
      first = false;
    }
    if (eos) ids.push_back(this->eos());
    return ids;
  });
}

absl::string_view Tokenizer::Piece(int32_t id, bool special) const {
  if (id < 0 || id >= vocab_size()) return {};
  const TokenType type = impl_->table.type(id);
  const bool hidden = type == TokenType::kControl || type == TokenType::kUnknown || type == TokenType::kUnused;
  if (hidden && !special) return {};
  return impl_->table.bytes[id];
}

std::string Tokenizer::Decode(absl::Span<const int32_t> ids, bool special) const {
  std::string text;
  bool strip = strips_leading_space();
  for (int32_t id : ids) {
    absl::string_view piece = Piece(id, special);
    if (piece.empty()) continue;
    if (strip && piece.front() == ' ') piece.remove_prefix(1);
    strip = strip && special && type(id) == TokenType::kControl;  // "<s> text": the space is behind the shown BOS
    text.append(piece.data(), piece.size());
  }
  return text;
}

absl::string_view Tokenizer::TokenText(int32_t id) const {
  if (id < 0 || id >= vocab_size()) return {};
  return impl_->table.vocab.tokens[id];
}

int32_t Tokenizer::FindToken(absl::string_view text) const {
  const auto found = impl_->ids.find(text);
  return found == impl_->ids.end() ? -1 : found->second;
}

TokenType Tokenizer::type(int32_t id) const {
  return id < 0 || id >= vocab_size() ? TokenType::kUnused : impl_->table.type(id);
}

int32_t Tokenizer::vocab_size() const { return static_cast<int32_t>(impl_->table.size()); }
int32_t Tokenizer::bos() const { return impl_->table.vocab.bos; }
int32_t Tokenizer::eos() const { return impl_->table.vocab.eos; }
int32_t Tokenizer::unk() const { return impl_->table.vocab.unk; }
int32_t Tokenizer::pad() const { return impl_->table.vocab.pad; }
bool Tokenizer::adds_bos() const { return impl_->add_bos; }
bool Tokenizer::adds_eos() const { return impl_->add_eos; }
bool Tokenizer::strips_leading_space() const {
  return impl_->add_space_prefix && impl_->table.vocab.kind != VocabKind::kByteLevelBpe;
}

absl::Span<const int32_t> Tokenizer::end_of_generation() const { return impl_->end_ids; }
bool Tokenizer::IsEndOfGeneration(int32_t id) const {
  return std::binary_search(impl_->end_ids.begin(), impl_->end_ids.end(), id);
}

const std::vector<std::string>& Tokenizer::warnings() const { return impl_->table.vocab.warnings; }

}  // namespace concord::text
