#pragma once

#include <vector>

#include "backends/sdk/objects.h"
#include "backends/sdk/status.h"
#include "backends/sdk/timeline.h"
#include "concord/plugin.h"

namespace concord::sdk {
inline namespace v0 {

// One queued piece of work. Recycled with its vectors' capacity: a steady stream of submissions allocates nothing.
struct Work {
  enum class Kind { kSubmit, kCopy, kFill, kBarrier, kExportState, kImportState };

  Kind kind = Kind::kBarrier;
  Prepared* prepared = nullptr;
  std::vector<concord_symbol_value> values;
  std::vector<concord_binding> bindings;
  concord_copy_args copy{};
  concord_fill_args fill{};
  concord_state_args state{};
  std::vector<concord_point> waits;
  std::vector<concord_point> signals;
};

// Whether every semaphore that work waits for or signals is one of this instance. `timeline_of(point)` is the queue's.
template <typename TimelineOf>
Status CheckPoints(const Work& work, const Monitor& monitor, TimelineOf timeline_of) {
  for (const std::vector<concord_point>* points : {&work.waits, &work.signals}) {
    for (const concord_point& point : *points) {
      if (point.semaphore == nullptr) return Error(CONCORD_INVALID_ARGUMENT, "a wait or signal has no semaphore");
      if (&timeline_of(point).monitor() != &monitor) {
        return Error(CONCORD_INVALID_ARGUMENT, "a semaphore of another instance: let a host thread wait for it");
      }
    }
  }
  return Ok();
}

}  // namespace v0
}  // namespace concord::sdk
