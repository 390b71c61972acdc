#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "runtime/base/status.h"
#include "runtime/hal/handle.h"

namespace concord::hal {

// A timeline: a number that only grows, or has failed for good. All calls from any thread.
class Semaphore : public Handle<concord_semaphore, &concord_plugin_api::semaphore_destroy> {
 public:
  using Handle::Handle;

  // The moment at which it reaches `value`, for waits and signals.
  concord_point At(uint64_t value) const { return {get(), value}; }

  // The present value, or the error it failed with. Never blocks.
  absl::StatusOr<uint64_t> Query() const;
  // Advances from the host; `value` must be greater than the present one.
  absl::Status Signal(uint64_t value) const;
  void Fail(const absl::Status& reason) const;
  // Blocks until `value` is reached, it fails (its error) or the time is over (DEADLINE_EXCEEDED). On a device that
  // executes in wait this is what computes.
  absl::Status Wait(uint64_t value, absl::Duration timeout = absl::InfiniteDuration()) const;
};

}  // namespace concord::hal
