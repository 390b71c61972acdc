#include "runtime/text/hf_pipeline.h"

#include "runtime/text/pre_tokenizer.h"

namespace concord::text {
namespace {

constexpr absl::string_view kSpaceMark = "\xE2\x96\x81";  // "▁", U+2581
constexpr size_t kMaxParts = 64;                          // of a Sequence

std::string Escaped(absl::string_view text) {
  std::string out;
  for (char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c & 0x80) != 0;
    if (!plain) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

absl::Status Unsupported(absl::string_view part, const std::string& what) {
  return absl::UnimplementedError(
      absl::StrCat("tokenizer.json: the ", part, " ", what.empty() ? "without a type" : what, " is not supported"));
}

// The parts of a component that may be null, one object, or a Sequence of objects.
absl::StatusOr<std::vector<const Json*>> Parts(const Json& component, const char* list, absl::string_view name) {
  if (component.is_null()) return std::vector<const Json*>{};
  if (StringOr(component, "type", "") != "Sequence") return std::vector<const Json*>{&component};
  const Json& items = Member(component, list);
  if (!items.is_array() || items.size() > kMaxParts) {
    return absl::InvalidArgumentError(
        absl::StrCat("tokenizer.json: the ", name, " Sequence has no list \"", list, "\" of at most ", kMaxParts));
  }
  std::vector<const Json*> parts;
  for (const Json& item : items) {
    if (StringOr(item, "type", "") == "Sequence") return Unsupported(name, "Sequence within a Sequence");
    parts.push_back(&item);
  }
  return parts;
}

class PipelineReader {
 public:
  explicit PipelineReader(Vocab* vocab) : vocab_(vocab) {}

  absl::Status Normalizer(const Json& part) {
    const std::string type = StringOr(part, "type", "");
    if (type == "NFC") {
      vocab_->warnings.push_back(
          "tokenizer.json asks for NFC, which is not applied: text that is not in NFC (letters "
          "followed by combining accents) gets other ids than in training");
      return absl::OkStatus();
    }
    if (type == "Prepend" && StringOr(part, "prepend", "") == kSpaceMark) {
      vocab_->add_space_prefix = true;
      return absl::OkStatus();
    }
    const bool from_space = StringOr(Member(part, "pattern"), "String", "") == " ";
    if (type == "Replace" && from_space && StringOr(part, "content", "") == kSpaceMark) {
      marks_spaces_ = true;
      return absl::OkStatus();
    }
    return Unsupported("normalizer", type);
  }

  absl::Status PreTokenizer(const Json& part) {
    const std::string type = StringOr(part, "type", "");
    if (byte_level_) return Unsupported("pre_tokenizer", absl::StrCat(type, " behind ByteLevel"));
    if (type == "Split") return Split(part);
    if (type == "ByteLevel") return ByteLevel(part);
    if (type == "Metaspace") return Metaspace(part);
    if (type == "Digits") {
      Add(BoolOr(part, "individual_digits", false) ? "\\p{N}" : "\\p{N}+", SplitStep::Cut::kIsolated);
      return absl::OkStatus();
    }
    return Unsupported("pre_tokenizer", type);
  }

  absl::Status Finish() {
    vocab_->has_splits = true;
    vocab_->kind = byte_level_ ? VocabKind::kByteLevelBpe : VocabKind::kSpmBpe;
    if (!vocab_->add_space_prefix) vocab_->add_space_prefix = false;
    if (byte_level_ && (marks_spaces_ || *vocab_->add_space_prefix != byte_level_prefix_)) {
      return Unsupported("normalizer", "that marks spaces, together with ByteLevel,");
    }
    if (!byte_level_ && !marks_spaces_) {
      return absl::UnimplementedError(
          "tokenizer.json: the BPE model is neither byte-level (pre_tokenizer ByteLevel) nor like SentencePiece "
          "(Metaspace, or a normalizer that replaces spaces)");
    }
    return absl::OkStatus();
  }

 private:
  void Add(std::string regex, SplitStep::Cut cut) { vocab_->splits.push_back({std::move(regex), cut}); }

  absl::Status Split(const Json& part) {
    const Json& pattern = Member(part, "pattern");
    const bool literal = Member(pattern, "String").is_string();
    const std::string regex = literal ? Escaped(StringOr(pattern, "String", "")) : StringOr(pattern, "Regex", "");
    if (regex.empty()) return Unsupported("pre_tokenizer", "Split without a pattern");
    const std::string behavior = StringOr(part, "behavior", "");
    const bool invert = BoolOr(part, "invert", false);
    // "Removed" with invert keeps the matches and drops what is between: nothing, for the patterns that match all text.
    if (behavior == (invert ? "Removed" : "Isolated") || (behavior == "Isolated" && invert)) {
      Add(regex, SplitStep::Cut::kIsolated);
    } else if (behavior == "MergedWithPrevious" && !invert) {
      Add(regex, SplitStep::Cut::kMergeWithPrevious);
    } else if (behavior == "MergedWithNext" && !invert) {
      Add(regex, SplitStep::Cut::kMergeWithNext);
    } else {
      return Unsupported("pre_tokenizer", absl::StrCat("Split with behavior ", behavior, invert ? ", inverted," : ""));
    }
    return absl::OkStatus();
  }

  absl::Status ByteLevel(const Json& part) {
    byte_level_ = true;
    if (BoolOr(part, "add_prefix_space", true)) {
      if (!vocab_->splits.empty()) return Unsupported("pre_tokenizer", "ByteLevel with add_prefix_space behind others");
      vocab_->add_space_prefix = true;
      vocab_->space_prefix_unless_present = true;
      byte_level_prefix_ = true;
    }
    if (BoolOr(part, "use_regex", true)) {
      CONCORD_ASSIGN_OR_RETURN(const PreTokenizerPreset preset, FindPreTokenizer("gpt-2"));
      for (const char* regex : preset.regexes) Add(regex, SplitStep::Cut::kIsolated);
    }
    return absl::OkStatus();
  }

  absl::Status Metaspace(const Json& part) {
    if (StringOr(part, "replacement", "") != kSpaceMark || !vocab_->splits.empty()) {
      return Unsupported("pre_tokenizer", "Metaspace behind others or with another replacement");
    }
    marks_spaces_ = true;
    // Files of before 2024 say add_prefix_space.
    const std::string old_scheme = BoolOr(part, "add_prefix_space", true) ? "always" : "never";
    const std::string scheme = StringOr(part, "prepend_scheme", old_scheme.c_str());
    if (scheme != "always" && scheme != "first" && scheme != "never") {
      return Unsupported("pre_tokenizer", absl::StrCat("Metaspace with prepend_scheme ", scheme));
    }
    if (scheme != "never") {
      if (vocab_->add_space_prefix) return Unsupported("pre_tokenizer", "Metaspace with a Prepend normalizer");
      vocab_->add_space_prefix = true;
      vocab_->space_prefix_unless_present = true;
      vocab_->space_prefix_first_only = scheme == "first";
    }
    if (BoolOr(part, "split", true)) Add(std::string(kSpaceMark), SplitStep::Cut::kMergeWithNext);
    return absl::OkStatus();
  }

  Vocab* vocab_;
  bool marks_spaces_ = false;
  bool byte_level_ = false;
  bool byte_level_prefix_ = false;
};

// The id of the one token that a template has in front of or behind the text; -1 for none.
absl::Status TakeTemplateToken(const Json& part, const Json& tokens, int32_t* id, const Vocab& vocab) {
  const std::string name = StringOr(Member(part, "SpecialToken"), "id", "");
  const Json& ids = Member(Member(tokens, name.c_str()), "ids");
  const bool one = ids.is_array() && ids.size() == 1 && ids[0].is_number_unsigned();
  if (!one || *id >= 0) {
    return absl::UnimplementedError(
        absl::StrCat("tokenizer.json: the template adds \"", name,
                     "\": only one token of one id in front of the text and one behind it are supported"));
  }
  const uint64_t value = ids[0].get<uint64_t>();
  if (value >= vocab.tokens.size()) {
    return absl::InvalidArgumentError(absl::StrCat("tokenizer.json: the template token \"", name, "\" has the id ",
                                                   value, ", outside of the ", vocab.tokens.size(), " tokens"));
  }
  *id = static_cast<int32_t>(value);
  return absl::OkStatus();
}

absl::Status ReadTemplate(const Json& part, Vocab* vocab) {
  int32_t front = -1, behind = -1;
  bool text_seen = false;
  for (const Json& item : ArrayMember(part, "single")) {
    if (Member(item, "Sequence").is_object()) {
      text_seen = true;
    } else {
      int32_t* side = text_seen ? &behind : &front;
      CONCORD_RETURN_IF_ERROR(TakeTemplateToken(item, Member(part, "special_tokens"), side, *vocab));
    }
  }
  if (front >= 0) vocab->bos = front;
  if (behind >= 0) vocab->eos = behind;
  vocab->add_bos = front >= 0;
  vocab->add_eos = behind >= 0;
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadHfPipeline(const Json& tokenizer, Vocab* vocab) {
  PipelineReader reader(vocab);
  CONCORD_ASSIGN_OR_RETURN(const auto normalizers, Parts(Member(tokenizer, "normalizer"), "normalizers", "normalizer"));
  for (const Json* part : normalizers) CONCORD_RETURN_IF_ERROR(reader.Normalizer(*part));
  CONCORD_ASSIGN_OR_RETURN(const auto splitters,
                           Parts(Member(tokenizer, "pre_tokenizer"), "pretokenizers", "pre_tokenizer"));
  for (const Json* part : splitters) CONCORD_RETURN_IF_ERROR(reader.PreTokenizer(*part));
  return reader.Finish();
}

absl::Status ReadHfPostProcessor(const Json& tokenizer, Vocab* vocab) {
  vocab->add_bos = false;
  vocab->add_eos = false;
  CONCORD_ASSIGN_OR_RETURN(const auto parts,
                           Parts(Member(tokenizer, "post_processor"), "processors", "post_processor"));
  for (const Json* part : parts) {
    const std::string type = StringOr(*part, "type", "");
    if (type == "ByteLevel") continue;  // moves offsets, not ids
    if (type != "TemplateProcessing") return Unsupported("post_processor", type);
    CONCORD_RETURN_IF_ERROR(ReadTemplate(*part, vocab));
  }
  return absl::OkStatus();
}

}  // namespace concord::text
