#pragma once

#include <string>
#include <vector>

#include "runtime/base/status.h"

namespace concord::cts {

// What a vendor knows not to work, each with the reason: a text file of lines "pattern  reason", '#' begins a comment.
// Excluded cases run all the same: one that passes is reported, so that the file never says less than the truth.
class Exclusions {
 public:
  // `where` begins messages. InvalidArgument, with the line's number, for a line without a reason and for a pattern
  // that names none of `case_names`.
  static absl::StatusOr<Exclusions> Parse(absl::string_view text, const std::string& where,
                                          const std::vector<std::string>& case_names);

  // The reason why a case is excluded; null: it is not.
  const std::string* Find(absl::string_view case_name) const;

 private:
  struct Line {
    std::string pattern, reason;
  };
  std::vector<Line> lines_;
};

}  // namespace concord::cts
