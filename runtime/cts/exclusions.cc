#include "runtime/cts/exclusions.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "runtime/cts/pattern.h"

namespace concord::cts {

absl::StatusOr<Exclusions> Exclusions::Parse(absl::string_view text, const std::string& where,
                                             const std::vector<std::string>& case_names) {
  Exclusions exclusions;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line[0] == '#') continue;
    const size_t end = line.find_first_of(" \t");
    const std::string pattern(line.substr(0, end));
    const std::string at = absl::StrCat(where, ":", number, ": ");
    if (end == absl::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat(at, "'", pattern, "' is excluded without a reason; write it behind the pattern"));
    }
    const bool known = std::any_of(case_names.begin(), case_names.end(),
                                   [&](const std::string& name) { return Matches(pattern, name); });
    if (!known) {
      return absl::InvalidArgumentError(absl::StrCat(at, "'", pattern, "' names no case; --list shows what there is"));
    }
    exclusions.lines_.push_back({pattern, std::string(absl::StripAsciiWhitespace(line.substr(end)))});
  }
  return exclusions;
}

const std::string* Exclusions::Find(absl::string_view case_name) const {
  for (const Line& line : lines_) {
    if (Matches(line.pattern, case_name)) return &line.reason;
  }
  return nullptr;
}

}  // namespace concord::cts
