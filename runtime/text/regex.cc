#define PCRE2_CODE_UNIT_WIDTH 8
#include "runtime/text/regex.h"

#include <pcre2.h>

#include <algorithm>
#include <utility>

#include "runtime/text/utf8.h"

namespace concord::text {
namespace {

// A match may need a step for each character of a long run; beyond that it is backtracking that will not end.
constexpr uint32_t kMatchSteps = 200'000;
constexpr uint32_t kMatchStepsPerByte = 32;
constexpr uint32_t kMatchHeapKiB = 64 * 1024;
constexpr size_t kMaxPatternBytes = 64 * 1024;

std::string PcreMessage(int code) {
  PCRE2_UCHAR buffer[256];
  if (pcre2_get_error_message(code, buffer, sizeof(buffer)) < 0) return absl::StrCat("PCRE2 error ", code);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

struct Regex::Impl {
  std::string pattern;
  pcre2_code* code = nullptr;
  ~Impl() { pcre2_code_free(code); }
};

struct Regex::Scratch::Impl {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  ~Impl() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }
};

Regex::Scratch::Scratch() : impl_(std::make_unique<Impl>()) {}
Regex::Scratch::~Scratch() = default;
Regex::Regex(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

absl::StatusOr<Regex> Regex::Compile(absl::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a pre-tokenizer regex has ", pattern.size(), " bytes; at most ", kMaxPatternBytes, " are read"));
  }
  CONCORD_ASSIGN_OR_RETURN(const std::string translated, TranslatePattern(pattern));
  auto impl = std::make_unique<Impl>();
  impl->pattern = std::string(pattern.data(), pattern.size());
  // MULTILINE: Oniguruma's ^ and $ always are those of a line.
  const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  pcre2_compile_context* context = pcre2_compile_context_create(nullptr);
  if (context == nullptr) return absl::ResourceExhaustedError("no memory to compile a pre-tokenizer regex");
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  impl->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), options, &error,
                             &offset, context);
  pcre2_compile_context_free(context);
  if (impl->code == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("the pre-tokenizer regex \"", impl->pattern,
                                                   "\" does not compile: ", PcreMessage(error), " (at offset ", offset,
                                                   " of \"", translated, "\")"));
  }
  // Only faster: a PCRE2 without JIT, or a system that forbids writable code, matches without it.
  pcre2_jit_compile(impl->code, PCRE2_JIT_COMPLETE);
  return Regex(std::move(impl));
}

absl::Status Regex::Match(absl::string_view text, Scratch* scratch,
                          absl::FunctionRef<void(size_t, size_t)> found) const {
  pcre2_match_data* data = scratch->impl_->data;
  pcre2_match_context* context = scratch->impl_->context;
  if (data == nullptr || context == nullptr) return absl::ResourceExhaustedError("no memory to match a regex");
  const size_t limit = kMatchSteps + kMatchStepsPerByte * text.size();
  pcre2_set_match_limit(context, static_cast<uint32_t>(std::min<size_t>(limit, UINT32_MAX)));
  pcre2_set_heap_limit(context, kMatchHeapKiB);
  const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t from = 0;
  size_t last_end = absl::string_view::npos;
  while (from <= text.size()) {
    int rc = pcre2_match(impl_->code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, data, context);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
      rc = pcre2_match(impl_->code, subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data, context);
    }
    if (rc == PCRE2_ERROR_NOMATCH) return absl::OkStatus();
    if (rc < 0) {
      return absl::ResourceExhaustedError(absl::StrCat("the pre-tokenizer regex \"", impl_->pattern,
                                                       "\" gave up at byte ", from, " of a text of ", text.size(),
                                                       " bytes: ", PcreMessage(rc)));
    }
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data);
    const size_t begin = ends[0], end = ends[1];
    if (begin != end || begin != last_end) found(begin, end);
    last_end = end;
    from = begin == end ? end + std::max<size_t>(FirstChar(text.substr(end)).size, 1) : end;
  }
  return absl::OkStatus();
}

}  // namespace concord::text
