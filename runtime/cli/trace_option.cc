#include "runtime/cli/trace_option.h"

#include "runtime/base/atomic_file.h"
#include "runtime/cli/exit_code.h"

namespace concord::cli {

void TraceOption::Declare(Arguments& args) {
  args.Group("Output");
  args.Value("--trace", "FILE", &path_, "write what happened when, on all devices: JSON for ui.perfetto.dev");
}

absl::Status TraceOption::Around(Console& console, const std::function<absl::Status()>& body) {
  if (path_.empty()) return body();
  // Minutes of work come before the file: what is wrong with its name is said now.
  if (const absl::Status status = AtomicFile().Open(path_); !status.ok()) return UsageError(status.message());
  trace_ = Trace::Create();
  absl::Status status = body();
  console.EndProgress();
  if (const absl::Status written = trace_.WriteJson(path_); !written.ok()) {
    // A full disk is no lack of memory: the exit code is that of standard output that cannot be written.
    if (status.ok()) return absl::InternalError(written.message());
    console.Warn(written.message());
  } else if (trace_.dropped_events() > 0) {
    console.Warn(absl::StrCat(path_, ": the trace lacks ", trace_.dropped_events(),
                              " events that came faster or later than there was room for"));
  } else {
    console.Note(absl::StrCat("[trace in ", path_, ": open it in ui.perfetto.dev]"));
  }
  return status;
}

}  // namespace concord::cli
