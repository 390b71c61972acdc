#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"

namespace concord::cli {

enum class Language { kEnglish, kChinese };

const char* LanguageName(Language language);  // as --lang has it

// What --lang says in `words`, the line of a command; else what the user's locale says (LC_ALL, LC_MESSAGES, LANG),
// where it can show our UTF-8; else English. Looked up before the line is parsed, so that --help beside a mistake
// speaks it too.
Language ChooseLanguage(const std::vector<std::string>& words);

// `english`, a phrase of the help, in `language`; unchanged where there is no translation, which a test forbids.
std::string Translated(const std::string& english, Language language);

struct Phrase {
  const char* english;
  const char* translated;
};

// The Chinese catalogue, in parts: the frame and the options that commands share, and what each command says.
absl::Span<const Phrase> ChineseOptions();
absl::Span<const Phrase> ChineseCommands();

}  // namespace concord::cli
