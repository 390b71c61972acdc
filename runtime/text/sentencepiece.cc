#include "runtime/text/sentencepiece.h"

#include <cstring>
#include <string>

#include "absl/strings/str_replace.h"
#include "runtime/text/hf_json.h"
#include "runtime/text/no_throw.h"

namespace concord::text {
namespace {

// One field of a protobuf message. The wire format is so small that reading it here costs less than a schema.
struct Field {
  uint32_t number = 0;
  uint64_t value = 0;       // of a varint, or the bits of a fixed number
  absl::string_view bytes;  // of a string or message
};

// Walks the fields of one message; every length is checked against what is left.
class WireReader {
 public:
  explicit WireReader(absl::string_view bytes) : rest_(bytes) {}

  // False at the end and on malformed bytes; ok() tells which.
  bool Next(Field* field) {
    uint64_t tag = 0;
    if (rest_.empty() || !Varint(&tag)) return false;
    *field = Field{};
    field->number = static_cast<uint32_t>(tag >> 3);
    switch (tag & 7) {
      case 0:
        return Varint(&field->value);
      case 1:
        return Fixed(8, &field->value);
      case 2: {
        uint64_t size = 0;
        if (!Varint(&size)) return false;
        if (size > rest_.size()) return Fail();
        field->bytes = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return true;
      }
      case 5:
        return Fixed(4, &field->value);
      default:
        return Fail();
    }
  }

  bool ok() const { return ok_; }

 private:
  bool Fail() {
    ok_ = false;
    return false;
  }

  bool Varint(uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const uint8_t byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      *value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return Fail();
  }

  bool Fixed(size_t size, uint64_t* value) {
    if (rest_.size() < size) return Fail();
    *value = 0;
    for (size_t i = 0; i < size; ++i) *value |= static_cast<uint64_t>(static_cast<uint8_t>(rest_[i])) << (8 * i);
    rest_.remove_prefix(size);
    return true;
  }

  absl::string_view rest_;
  bool ok_ = true;
};

constexpr int64_t kUnigram = 1, kBpe = 2;  // TrainerSpec.ModelType

// The settings of TrainerSpec and NormalizerSpec that matter, at the defaults of sentencepiece_model.proto.
struct Settings {
  int64_t model_type = kUnigram;
  bool suffix_spaces = false;
  int32_t bos = 1, eos = 2, pad = -1;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  bool has_charsmap = false;
};

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("tokenizer.model: ", what, " is not well-formed; the file is damaged or no SentencePiece model"));
}

absl::Status ReadPiece(absl::string_view bytes, Vocab* vocab) {
  WireReader reader(bytes);
  std::string text;
  float score = 0.0f;
  uint64_t type = 1;
  for (Field field; reader.Next(&field);) {
    if (field.number == 1) text.assign(field.bytes.data(), field.bytes.size());
    if (field.number == 2) {
      const uint32_t bits = static_cast<uint32_t>(field.value);
      std::memcpy(&score, &bits, sizeof(score));
    }
    if (field.number == 3) type = field.value;
  }
  const std::string name = absl::StrCat("piece ", vocab->tokens.size());
  if (!reader.ok()) return Malformed(name);
  if (type < 1 || type > 6) {
    return absl::InvalidArgumentError(absl::StrCat("tokenizer.model: ", name, " has the type ", type, "; want 1 to 6"));
  }
  // User-defined pieces are found in the text as it is, before spaces are marked.
  if (type == 4) text = absl::StrReplaceAll(text, {{"\xE2\x96\x81", " "}});
  vocab->tokens.push_back(std::move(text));
  vocab->scores.push_back(score);
  vocab->types.push_back(static_cast<TokenType>(type));
  return absl::OkStatus();
}

absl::Status ReadTrainer(absl::string_view bytes, Settings* settings) {
  WireReader reader(bytes);
  for (Field field; reader.Next(&field);) {
    if (field.number == 3) settings->model_type = static_cast<int64_t>(field.value);
    if (field.number == 24) settings->suffix_spaces = field.value != 0;
    if (field.number == 41) settings->bos = static_cast<int32_t>(field.value);
    if (field.number == 42) settings->eos = static_cast<int32_t>(field.value);
    if (field.number == 43) settings->pad = static_cast<int32_t>(field.value);
  }
  return reader.ok() ? absl::OkStatus() : Malformed("trainer_spec");
}

absl::Status ReadNormalizer(absl::string_view bytes, Settings* settings) {
  WireReader reader(bytes);
  for (Field field; reader.Next(&field);) {
    if (field.number == 2) settings->has_charsmap = !field.bytes.empty();
    if (field.number == 3) settings->add_dummy_prefix = field.value != 0;
    if (field.number == 4) settings->remove_extra_whitespaces = field.value != 0;
    if (field.number == 5) settings->escape_whitespaces = field.value != 0;
  }
  return reader.ok() ? absl::OkStatus() : Malformed("normalizer_spec");
}

absl::Status ApplySettings(const Settings& settings, Vocab* vocab) {
  if (settings.model_type != kBpe) {
    return absl::UnimplementedError(absl::StrCat(
        "tokenizer.model: the model type is ", settings.model_type == kUnigram ? "unigram" : "not BPE (",
        settings.model_type == kUnigram ? "" : absl::StrCat(settings.model_type, ")"), "; only BPE is supported"));
  }
  if (settings.suffix_spaces || !settings.escape_whitespaces) {
    return absl::UnimplementedError(
        "tokenizer.model: treat_whitespace_as_suffix and unescaped whitespace are not supported");
  }
  if (settings.has_charsmap) {
    vocab->warnings.push_back(
        "tokenizer.model has a normaliser table, which is not applied: text with characters that "
        "it replaces (full-width letters, say) gets other ids than in training");
  }
  const auto known = [&](int32_t id) { return id >= 0 && id < static_cast<int64_t>(vocab->tokens.size()) ? id : -1; };
  vocab->bos = known(settings.bos);
  vocab->eos = known(settings.eos);
  vocab->pad = known(settings.pad);
  for (size_t id = 0; id < vocab->types.size() && vocab->unk < 0; ++id) {
    if (vocab->types[id] == TokenType::kUnknown) vocab->unk = static_cast<int32_t>(id);
  }
  vocab->add_space_prefix = settings.add_dummy_prefix;
  vocab->space_prefix_first_only = true;
  vocab->remove_extra_whitespaces = settings.remove_extra_whitespaces;
  return absl::OkStatus();
}

absl::StatusOr<Vocab> Read(absl::string_view model, absl::string_view tokenizer_config) {
  Vocab vocab;
  vocab.kind = VocabKind::kSpm;
  Settings settings;
  WireReader reader(model);
  for (Field field; reader.Next(&field);) {
    if (field.number == 1) CONCORD_RETURN_IF_ERROR(ReadPiece(field.bytes, &vocab));
    if (field.number == 2) CONCORD_RETURN_IF_ERROR(ReadTrainer(field.bytes, &settings));
    if (field.number == 3) CONCORD_RETURN_IF_ERROR(ReadNormalizer(field.bytes, &settings));
  }
  if (!reader.ok()) return Malformed("the message");
  if (vocab.tokens.empty()) return Malformed("the list of pieces");
  CONCORD_RETURN_IF_ERROR(ApplySettings(settings, &vocab));
  if (tokenizer_config.empty()) return vocab;
  CONCORD_ASSIGN_OR_RETURN(const Json config, ParseObject(tokenizer_config, "tokenizer_config.json"));
  CONCORD_RETURN_IF_ERROR(ApplyTokenizerConfig(config, &vocab));
  FillHoles(&vocab);
  vocab.space_prefix_first_only = !BoolOr(config, "legacy", true);
  if (Member(config, "add_bos_token").is_boolean()) vocab.add_bos = BoolOr(config, "add_bos_token", true);
  if (Member(config, "add_eos_token").is_boolean()) vocab.add_eos = BoolOr(config, "add_eos_token", false);
  return vocab;
}

}  // namespace

absl::StatusOr<Vocab> VocabFromSentencePiece(absl::string_view model, absl::string_view tokenizer_config) {
  return NoThrow([&] { return Read(model, tokenizer_config); });
}

}  // namespace concord::text
