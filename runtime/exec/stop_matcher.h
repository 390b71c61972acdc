#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace concord::exec {

// Finds stop strings in text that arrives in pieces. Text that could be the beginning of a stop string is held back
// until it is known, so that nothing of a stop string is ever emitted.
class StopMatcher {
 public:
  explicit StopMatcher(std::vector<std::string> stops);

  struct Out {
    std::string text;  // safe to emit now
    bool stopped = false;
    std::string matched;  // the stop string, when stopped
  };
  Out Feed(absl::string_view piece);
  // The end of the text: what is still held back.
  std::string Flush();

 private:
  std::vector<std::string> stops_;  // no empty ones
  std::string held_;
};

}  // namespace concord::exec
