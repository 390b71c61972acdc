#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "runtime/text/regex.h"

namespace concord::text {
namespace {

// White_Space as categories and ranges: PCRE2's own \s also holds U+180E, the Mongolian vowel separator.
constexpr absl::string_view kSpaceInClass = "\\p{Z}\\t-\\r\\x{85}";

// PCRE2 since 10.40 reads \p{Han} as script *extensions*; Oniguruma as the script.
constexpr std::array<absl::string_view, 12> kScripts = {"Arabic",   "Bopomofo", "Cyrillic", "Devanagari",
                                                        "Greek",    "Han",      "Hangul",   "Hebrew",
                                                        "Hiragana", "Katakana", "Latin",    "Thai"};

class Translator {
 public:
  explicit Translator(absl::string_view pattern) : pattern_(pattern), rest_(pattern) {}

  absl::StatusOr<std::string> Run() {
    while (!rest_.empty()) {
      CONCORD_RETURN_IF_ERROR(in_class_ ? ClassItem() : Item());
    }
    return std::move(out_);
  }

 private:
  absl::Status Refuse(absl::string_view what) const {
    return absl::UnimplementedError(absl::StrCat("the pre-tokenizer regex \"", pattern_, "\" has ", what, " at offset ",
                                                 pattern_.size() - rest_.size(), ", which is not supported"));
  }

  void Take(size_t count) {
    out_.append(rest_.data(), std::min(count, rest_.size()));
    rest_.remove_prefix(std::min(count, rest_.size()));
  }

  absl::Status Item() {
    switch (rest_[0]) {
      case '\\':
        return Escape();
      case '[':
        in_class_ = true;
        Take(absl::StartsWith(rest_, "[^") ? 2 : 1);
        if (absl::StartsWith(rest_, "]")) return Refuse("a class that begins with ']'");
        return absl::OkStatus();
      case '(':
        return Group();
      case '{':
        if (absl::StartsWith(rest_, "{,")) return Refuse("an interval without a lower bound");
        break;
      case '}':
        if (absl::StartsWith(rest_, "}+")) return Refuse("'+' behind an interval");
        break;
      default:
        break;
    }
    Take(1);
    return absl::OkStatus();
  }

  absl::Status Group() {
    if (absl::StartsWith(rest_, "(*")) return Refuse("a verb");
    if (!absl::StartsWith(rest_, "(?")) {
      Take(1);
      return absl::OkStatus();
    }
    size_t i = 2;
    while (i < rest_.size() && (rest_[i] == 'i' || rest_[i] == '-')) ++i;
    const char kind = i < rest_.size() ? rest_[i] : '\0';
    const bool flags = i > 2;
    const bool known =
        kind == ':' || (flags ? kind == ')' : absl::string_view("=!<>").find(kind) != absl::string_view::npos);
    if (!known) return Refuse("a group of this kind");
    Take(i + 1);
    return absl::OkStatus();
  }

  absl::Status ClassItem() {
    if (rest_[0] == '\\') return Escape();
    if (absl::StartsWith(rest_, "[:")) {
      const size_t end = rest_.find(":]");
      if (end == absl::string_view::npos) return Refuse("an unfinished character class name");
      Take(end + 2);
      return absl::OkStatus();
    }
    if (rest_[0] == '[') return Refuse("a class within a class");
    if (absl::StartsWith(rest_, "&&")) return Refuse("an intersection of classes");
    in_class_ = rest_[0] != ']';
    Take(1);
    return absl::OkStatus();
  }

  absl::Status Escape() {
    const char c = rest_.size() > 1 ? rest_[1] : '\0';
    if (c == '\0') return Refuse("an escape of nothing");
    if (c == 's' || (c == 'S' && !in_class_)) {
      absl::StrAppend(&out_, in_class_ ? "" : c == 's' ? "[" : "[^", kSpaceInClass, in_class_ ? "" : "]");
      rest_.remove_prefix(2);
      return absl::OkStatus();
    }
    if (c == 'p' || c == 'P') return Property();
    if (absl::string_view("hHRXKGCgyYONQE").find(c) != absl::string_view::npos) {
      return Refuse(absl::StrCat("\\", absl::string_view(&c, 1)));
    }
    Take(2);
    return absl::OkStatus();
  }

  absl::Status Property() {
    const size_t end = rest_.find('}');
    if (rest_.size() < 3 || rest_[2] != '{' || end == absl::string_view::npos) {
      Take(2);
      return absl::OkStatus();
    }
    const absl::string_view name = absl::StripPrefix(rest_.substr(3, end - 3), "^");
    const bool script = std::find(kScripts.begin(), kScripts.end(), name) != kScripts.end();
    Take(rest_.size() > 3 && rest_[3] == '^' ? 4 : 3);
    if (script) absl::StrAppend(&out_, "sc:");
    Take(name.size() + 1);
    return absl::OkStatus();
  }

  absl::string_view pattern_, rest_;
  std::string out_;
  bool in_class_ = false;
};

}  // namespace

absl::StatusOr<std::string> TranslatePattern(absl::string_view pattern) {
  // DeepSeek LLM's fourth step. As it stands it scans a long run of spaces once from each of its characters.
  if (pattern == "\\s+$") pattern = "(?<!\\s)\\s+$";
  if (pattern.find('\0') != absl::string_view::npos) {
    return absl::InvalidArgumentError("a pre-tokenizer regex holds a NUL character");
  }
  return Translator(pattern).Run();
}

}  // namespace concord::text
