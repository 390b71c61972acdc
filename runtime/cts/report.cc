#include "runtime/cts/report.h"

#include <algorithm>

namespace concord::cts {

const char* NameOf(Verdict verdict) {
  static constexpr const char* kNames[kVerdicts] = {"passed",   "refused",         "failed",
                                                    "excluded", "unexpected pass", "skipped"};
  return kNames[static_cast<int>(verdict)];
}

int Report::Count(Verdict verdict) const {
  return static_cast<int>(
      std::count_if(cases.begin(), cases.end(), [&](const CaseReport& c) { return c.verdict == verdict; }));
}

int Report::CountBad() const {
  return static_cast<int>(std::count_if(cases.begin(), cases.end(), [](const CaseReport& c) { return c.bad(); }));
}

std::string Report::Summary() const {
  std::string text = absl::StrCat(green() ? "green" : "not green", ": ", Count(Verdict::kPassed), " passed");
  const auto add = [&](int count, absl::string_view what) {
    if (count > 0) absl::StrAppend(&text, ", ", count, " ", what);
  };
  int needed = 0;
  for (const CaseReport& c : cases) needed += c.verdict == Verdict::kRefused && c.required ? 1 : 0;
  add(Count(Verdict::kFailed), "failed");
  add(Count(Verdict::kUnexpectedPass), "passed unexpectedly");
  add(needed, absl::StrCat("refused that ", profile, " needs"));
  add(Count(Verdict::kRefused) - needed, "refused that it does not need");
  add(Count(Verdict::kExcluded), "excluded");
  add(Count(Verdict::kSkipped), "skipped");
  return text;
}

}  // namespace concord::cts
