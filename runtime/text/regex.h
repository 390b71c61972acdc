#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "runtime/base/status.h"

namespace concord::text {

// A compiled pattern over UTF-8 with Unicode classes. Patterns are written for Oniguruma (that is what Hugging Face
// runs) and matched by PCRE2; the few places where the two read a pattern differently are rewritten or refused.
// Immutable; Match may be called from several threads at once.
class Regex {
 public:
  // Fails with the place in the pattern on a syntax error and on constructs whose meaning would differ.
  static absl::StatusOr<Regex> Compile(absl::string_view pattern);
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  // What one thread needs while matching; made once per Encode, shared by its patterns.
  class Scratch;

  // Calls `found(begin, end)` for each match in `text` (which must be valid UTF-8), from left to right. Matches do not
  // overlap; they may be empty. Work and memory of a match are bounded; exceeding a bound is ResourceExhausted.
  absl::Status Match(absl::string_view text, Scratch* scratch, absl::FunctionRef<void(size_t, size_t)> found) const;

 private:
  struct Impl;
  explicit Regex(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class Regex::Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

 private:
  friend class Regex;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The pattern in PCRE2's reading; exposed for tests.
absl::StatusOr<std::string> TranslatePattern(absl::string_view pattern);

}  // namespace concord::text
