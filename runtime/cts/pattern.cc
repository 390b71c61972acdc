#include "runtime/cts/pattern.h"

#include "absl/strings/str_split.h"

namespace concord::cts {
namespace {

bool Glob(absl::string_view pattern, absl::string_view name) {
  // The last '*' and what it has swallowed: where a mismatch goes back to. One '*' back is enough, so this is linear in
  // the product of the lengths.
  size_t p = 0, n = 0, star = absl::string_view::npos, swallowed = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      swallowed = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p, ++n;
    } else if (star != absl::string_view::npos) {
      p = star + 1;
      n = ++swallowed;
    } else {
      return p == pattern.size() && p > 0 && name[n] == '/';
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

bool Matches(absl::string_view pattern, absl::string_view name) { return Glob(pattern, name); }

bool MatchesAny(absl::string_view patterns, absl::string_view name) {
  for (absl::string_view pattern : absl::StrSplit(patterns, ',', absl::SkipEmpty())) {
    if (Matches(pattern, name)) return true;
  }
  return false;
}

}  // namespace concord::cts
