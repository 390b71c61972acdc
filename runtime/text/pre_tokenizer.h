#pragma once

#include <vector>

#include "absl/types/span.h"
#include "runtime/base/status.h"
#include "runtime/base/vocab.h"
#include "runtime/text/regex.h"

namespace concord::text {

// What a name of tokenizer.ggml.pre stands for.
struct PreTokenizerPreset {
  const char* name;
  absl::Span<const char* const> regexes;
  bool ignore_merges;  // defaults of the group, where the file has no key of its own
  bool add_bos;
};

// The preset, or an error that lists the known names: a wrong guess would make the model worse with no sign of it.
absl::StatusOr<PreTokenizerPreset> FindPreTokenizer(absl::string_view name);

// Splits text into the pieces within which tokens are merged.
class PreTokenizer {
 public:
  static absl::StatusOr<PreTokenizer> Create(absl::Span<const SplitStep> steps);

  // Appends the pieces of `text` in order; together they are all of its bytes. Ill-formed UTF-8 is a piece of its own.
  absl::Status Split(absl::string_view text, Regex::Scratch* scratch, std::vector<absl::string_view>* pieces) const;

 private:
  struct Step {
    Regex regex;
    SplitStep::Cut cut;
  };
  absl::Status SplitValid(absl::string_view text, Regex::Scratch* scratch,
                          std::vector<absl::string_view>* pieces) const;

  std::vector<Step> steps_;
};

}  // namespace concord::text
