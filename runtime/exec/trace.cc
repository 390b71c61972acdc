#include <new>

#include "concord/concord.h"
#include "runtime/base/status.h"
#include "runtime/base/trace_json.h"
#include "runtime/base/tracer.h"

namespace concord {

Trace Trace::Create(const TraceOptions& options) {
  Trace trace;
  trace.impl_ = std::make_shared<Tracer>(options.max_events);
  return trace;
}

absl::Status Trace::WriteJson(const std::string& path) const {
  if (impl_ == nullptr) return absl::FailedPreconditionError("this trace records nothing; make it with Trace::Create");
  try {
    impl_->Flush();
    return WriteTraceFile(impl_->contents(), path);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat("out of memory while writing the trace '", path, "'"));
  }
}

int64_t Trace::dropped_events() const { return impl_ == nullptr ? 0 : static_cast<int64_t>(impl_->dropped()); }

}  // namespace concord
