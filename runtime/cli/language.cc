#include "runtime/cli/language.h"

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace concord::cli {
namespace {

constexpr Language kLanguages[] = {Language::kEnglish, Language::kChinese};

const Language* FindLanguage(absl::string_view name) {
  for (const Language& language : kLanguages) {
    if (name == LanguageName(language)) return &language;
  }
  return nullptr;
}

// "zh_CN.UTF-8", "zh_TW", "zh": not with another encoding, in which our text would be illegible.
bool IsChinese(absl::string_view locale) {
  if (!absl::StartsWith(locale, "zh")) return false;
  const size_t dot = locale.find('.');
  if (dot == absl::string_view::npos) return true;
  const std::string encoding = absl::AsciiStrToLower(locale.substr(dot + 1, locale.find('@') - dot - 1));
  return encoding == "utf-8" || encoding == "utf8";
}

Language LanguageOfLocale() {
  for (const char* variable : {"LC_ALL", "LC_MESSAGES", "LANG"}) {
    const char* value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    return IsChinese(value) ? Language::kChinese : Language::kEnglish;
  }
  return Language::kEnglish;
}

}  // namespace

const char* LanguageName(Language language) { return language == Language::kChinese ? "zh" : "en"; }

Language ChooseLanguage(const std::vector<std::string>& words) {
  constexpr absl::string_view kOption = "--lang";
  const Language* chosen = nullptr;
  for (size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    absl::string_view value = words[i];
    if (value == kOption && i + 1 < words.size()) {
      value = words[++i];
    } else if (absl::StartsWith(value, "--lang=")) {
      value.remove_prefix(kOption.size() + 1);
    } else {
      continue;
    }
    if (const Language* language = FindLanguage(value)) chosen = language;
  }
  return chosen != nullptr ? *chosen : LanguageOfLocale();
}

std::string Translated(const std::string& english, Language language) {
  if (language == Language::kEnglish) return english;
  for (const absl::Span<const Phrase> part : {ChineseOptions(), ChineseCommands()}) {
    for (const Phrase& phrase : part) {
      if (english == phrase.english) return phrase.translated;
    }
  }
  return english;
}

}  // namespace concord::cli
