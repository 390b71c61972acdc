#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "runtime/base/status.h"

namespace concord::cli {

// Where a command writes. Results go to standard output, everything else to standard error; a progress bar shows only
// on a terminal. One thread at a time.
class Console {
 public:
  // `program`: how the user called it, "run-model bench"; its first word begins warnings.
  explicit Console(std::string program);

  const std::string& program() const { return program_; }
  bool quiet = false;  // no notes, no progress
  bool json = false;   // results as JSON
  bool input_is_terminal() const { return input_is_terminal_; }
  bool output_is_terminal() const { return output_is_terminal_; }

  // Writes all of `text` to standard output, at once. NobodyListens when its reader has gone; Internal when it cannot
  // be written (a full disk): what was written before is then not the whole result, and the program must fail.
  absl::Status Print(absl::string_view text);

  void Note(absl::string_view text);    // a line of information
  void Warn(absl::string_view text);    // "run-model: ...": also when quiet
  void Prompt(absl::string_view text);  // no newline

  // `total` 0: unknown. Cheap to call often.
  void Progress(absl::string_view stage, double done, double total, absl::string_view detail = "");
  void EndProgress();

 private:
  std::string program_;
  bool input_is_terminal_, output_is_terminal_, error_is_terminal_;
  bool bar_shown_ = false;
  std::chrono::steady_clock::time_point bar_time_;
};

}  // namespace concord::cli
