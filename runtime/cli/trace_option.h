#pragma once

#include <functional>
#include <string>

#include "concord/concord.h"
#include "runtime/cli/arguments.h"
#include "runtime/cli/console.h"

namespace concord::cli {

// --trace FILE, the same in every command that runs a model.
class TraceOption {
 public:
  void Declare(Arguments& args);

  // Runs `body`, which gives trace() to what it loads, and then writes the file, however `body` ended. UsageError
  // before it begins when the file cannot be written.
  absl::Status Around(Console& console, const std::function<absl::Status()>& body);

  const Trace& trace() const { return trace_; }

 private:
  std::string path_;
  Trace trace_;
};

}  // namespace concord::cli
