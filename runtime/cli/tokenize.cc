#include "absl/strings/str_join.h"
#include "runtime/cli/command.h"
#include "runtime/cli/exit_code.h"
#include "runtime/cli/format.h"
#include "runtime/cli/model_options.h"
#include "runtime/exec/tokenizer_source.h"

namespace concord::cli {
namespace {

// A piece as one can read it in a line: control characters and bytes that are no text escaped.
std::string Visible(absl::string_view piece) {
  std::string out = "'";
  const bool text =
      Json(std::string(piece)).dump(-1, ' ', false, Json::error_handler_t::ignore).size() >= piece.size() + 2;
  for (const unsigned char c : piece) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || c == 0x7F || (c >= 0x80 && !text)) {
      constexpr char kHex[] = "0123456789ABCDEF";
      absl::StrAppend(&out, "\\x", std::string{kHex[c >> 4], kHex[c & 15]});
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + "'";
}

class Tokenize : public Command {
 public:
  void Declare(Arguments& args) override {
    args.Positional("MODEL", &model_, "whose tokenizer: a GGUF file or a Hugging Face folder", true);
    args.Positional("TEXT", &text_, "what to tokenize");
    args.Value("-f,--file", "FILE", &file_, "tokenize this file instead");
    args.Flag("--stdin", &stdin_, "tokenize standard input instead");
    args.Flag("--ids", &ids_only_, "only the ids, separated by spaces");
    args.Flag("--no-bos", &no_bos_, "without the token that the model puts in front by itself");
    args.Flag("--no-special", &no_special_, "take special tokens in the text (<|im_end|>) as plain letters");
    args.Example("run-model tokenize model.gguf \"Hello world\"", "ids and pieces, a line each");
    args.Example("run-model tokenize model.gguf -f book.txt --ids | wc -w", "how many tokens a file has");
  }

  absl::Status Run(Console& console) override {
    CONCORD_ASSIGN_OR_RETURN(const std::string text, Text());
    CONCORD_ASSIGN_OR_RETURN(const std::unique_ptr<loader::ModelSource> source,
                             OpenModel(model_, {.no_weights = true, .list_only = true}));
    absl::StatusOr<std::unique_ptr<text::Tokenizer>> made = exec::MakeTokenizer(*source);
    if (!made.ok()) return ModelError(made.status());
    const text::Tokenizer& tokenizer = **made;
    for (const std::string& warning : tokenizer.warnings()) console.Note(warning);
    text::EncodeOptions options = {.parse_special = !no_special_};
    if (no_bos_) options.add_bos = false;
    CONCORD_ASSIGN_OR_RETURN(const std::vector<int32_t> ids, tokenizer.Encode(text, options));
    if (console.json) return PrintJson(tokenizer, ids, console);
    if (ids_only_) return console.Print(absl::StrCat(absl::StrJoin(ids, " "), "\n"));
    Table table({">id", "piece"});
    for (const int32_t id : ids) table.Row({std::to_string(id), Visible(tokenizer.Piece(id, true))});
    CONCORD_RETURN_IF_ERROR(console.Print(table.ToString()));
    console.Note(absl::StrCat(ids.size(), " tokens"));
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<std::string> Text() const {
    if (text_.has_value() + file_.has_value() + stdin_ != 1) {
      return UsageError("want one of TEXT, -f FILE and --stdin; see run-model tokenize --help");
    }
    if (text_.has_value()) return *text_;
    return ReadText(stdin_ ? "-" : *file_);
  }

  static absl::Status PrintJson(const text::Tokenizer& tokenizer, const std::vector<int32_t>& ids, Console& console) {
    Json pieces = Json::array();
    for (const int32_t id : ids) pieces.push_back(std::string(tokenizer.Piece(id, true)));
    return console.Print(Dump({{"n_tokens", ids.size()}, {"ids", ids}, {"pieces", pieces}}));
  }

  std::string model_;
  std::optional<std::string> text_, file_;
  bool stdin_ = false, ids_only_ = false, no_bos_ = false, no_special_ = false;
};

}  // namespace

CONCORD_DEFINE_COMMAND(tokenize) {
  return {.name = "tokenize",
          .summary = "Show the tokens that a model makes of a text",
          .details = "",
          .make = Make<Tokenize>};
}

}  // namespace concord::cli
