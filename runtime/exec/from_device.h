#pragma once

#include <utility>

#include "runtime/base/status.h"

namespace concord::exec {

// A failure of a call into a device or plugin, as the embedding API reports it: UNAVAILABLE. A plugin picks its code as
// it likes, and UNIMPLEMENTED or INVALID_ARGUMENT would blame the model file for what the device refuses. Lack of
// memory keeps its code, since that is for the user to solve.
inline absl::Status FromDevice(const absl::Status& status) {
  if (status.ok() || absl::IsResourceExhausted(status)) return status;
  return absl::UnavailableError(status.message());
}

template <typename T>
absl::StatusOr<T> FromDevice(absl::StatusOr<T> result) {
  if (!result.ok()) return FromDevice(result.status());
  return result;
}

}  // namespace concord::exec
