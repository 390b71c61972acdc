#include "runtime/cli/help_page.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "runtime/cli/text_width.h"

namespace concord::cli {
namespace {

constexpr size_t kHelpWidth = 100;
constexpr size_t kOptionColumn = 28;
constexpr size_t kCommandColumn = 16;
constexpr size_t kExampleColumn = 6;

std::string Line(const std::string& left, size_t column, const std::string& text) {
  std::string line = absl::StrCat("  ", left);
  if (Width(line) + 2 > column) absl::StrAppend(&line, "\n");
  const size_t begin = line.back() == '\n' ? 0 : Width(line);
  return absl::StrCat(line, std::string(column - begin, ' '), Wrapped(text, column, kHelpWidth), "\n");
}

std::string EntryLine(const HelpPage::Entry& entry, const Translate& translate) {
  std::string text = translate(entry.help);
  if (!entry.default_value.empty()) absl::StrAppend(&text, " [", entry.default_value, "]");
  return Line(entry.value.empty() ? entry.names : absl::StrCat(entry.names, " ", entry.value), kOptionColumn, text);
}

std::string Heading(const std::string& text, const Translate& translate) {
  return absl::StrCat("\n", translate(text), translate(":"), "\n");
}

}  // namespace

std::string Render(const HelpPage& page, const Translate& translate) {
  std::string out = absl::StrCat(translate("Usage: "), page.program, page.usage_tail, " [", translate("options"),
                                 "]\n\n", Wrapped(translate(page.summary), 0, kHelpWidth), "\n");
  if (!page.details.empty()) {
    out += "\n";
    for (const std::string& paragraph : std::vector<std::string>(absl::StrSplit(translate(page.details), '\n'))) {
      absl::StrAppend(&out, Wrapped(paragraph, 0, kHelpWidth), "\n");
    }
  }
  if (!page.commands.empty()) {
    out += Heading("Commands (without one: generate)", translate);
    for (const auto& [name, summary] : page.commands) out += Line(name, kCommandColumn, translate(summary));
    absl::StrAppend(&out, translate("run-model COMMAND --help tells more; run-model --version prints the version."),
                    "\n");
  }
  out += "\n";
  std::vector<std::string> groups;
  for (const HelpPage::Entry& e : page.entries) {
    if (e.group.empty()) {
      out += EntryLine(e, translate);
    } else if (std::find(groups.begin(), groups.end(), e.group) == groups.end()) {
      groups.push_back(e.group);
    }
  }
  for (const std::string& group : groups) {
    out += Heading(group, translate);
    for (const HelpPage::Entry& e : page.entries) {
      if (e.group == group) out += EntryLine(e, translate);
    }
  }
  if (!page.examples.empty()) out += Heading("Examples", translate);
  for (const auto& [line, what] : page.examples) {
    absl::StrAppend(&out, "  ", line, "\n", std::string(kExampleColumn, ' '),
                    Wrapped(translate(what), kExampleColumn, kHelpWidth), "\n");
  }
  return out;
}

}  // namespace concord::cli
