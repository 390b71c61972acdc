#include "runtime/text/pre_tokenizer.h"

#include <utility>

#include "runtime/text/utf8.h"

namespace concord::text {
namespace {

constexpr size_t kMaxSteps = 64;

// Cuts `text` at the matches of one step.
class Cutter {
 public:
  Cutter(absl::string_view text, std::vector<absl::string_view>* pieces) : text_(text), pieces_(pieces) {}

  void Cut(size_t at) {
    if (at > last_) pieces_->push_back(text_.substr(last_, at - last_));
    if (at > last_) last_ = at;
  }

 private:
  absl::string_view text_;
  std::vector<absl::string_view>* pieces_;
  size_t last_ = 0;
};

}  // namespace

absl::StatusOr<PreTokenizer> PreTokenizer::Create(absl::Span<const SplitStep> steps) {
  if (steps.size() > kMaxSteps) {
    return absl::InvalidArgumentError(
        absl::StrCat("the pre-tokenizer has ", steps.size(), " steps; at most ", kMaxSteps, " are read"));
  }
  PreTokenizer result;
  for (const SplitStep& step : steps) {
    CONCORD_ASSIGN_OR_RETURN(Regex regex, Regex::Compile(step.regex));
    result.steps_.push_back({std::move(regex), step.cut});
  }
  return result;
}

absl::Status PreTokenizer::Split(absl::string_view text, Regex::Scratch* scratch,
                                 std::vector<absl::string_view>* pieces) const {
  // PCRE2 wants valid UTF-8 and would check it anew for each match, so it is checked here, once.
  size_t begin = 0;
  while (begin < text.size()) {
    size_t end = begin;
    const bool valid = FirstChar(text.substr(begin)).size > 0;
    while (end < text.size()) {
      const Utf8Char c = FirstChar(text.substr(end));
      if ((c.size > 0) != valid) break;
      end += valid ? c.size : c.bad;
    }
    const absl::string_view run = text.substr(begin, end - begin);
    if (valid) {
      CONCORD_RETURN_IF_ERROR(SplitValid(run, scratch, pieces));
    } else {
      pieces->push_back(run);
    }
    begin = end;
  }
  return absl::OkStatus();
}

absl::Status PreTokenizer::SplitValid(absl::string_view text, Regex::Scratch* scratch,
                                      std::vector<absl::string_view>* pieces) const {
  std::vector<absl::string_view> now = {text}, next;
  for (const Step& step : steps_) {
    next.clear();
    for (absl::string_view piece : now) {
      Cutter cutter(piece, &next);
      CONCORD_RETURN_IF_ERROR(step.regex.Match(piece, scratch, [&](size_t begin, size_t end) {
        if (step.cut != SplitStep::Cut::kMergeWithPrevious) cutter.Cut(begin);
        if (step.cut != SplitStep::Cut::kMergeWithNext) cutter.Cut(end);
      }));
      cutter.Cut(piece.size());
    }
    now.swap(next);
  }
  pieces->insert(pieces->end(), now.begin(), now.end());
  return absl::OkStatus();
}

}  // namespace concord::text
