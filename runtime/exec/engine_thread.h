#pragma once

#include <functional>
#include <thread>

#include "runtime/base/status.h"

namespace concord::exec {

// Makes a status of what `body` throws: an engine's threads have nobody above them who could catch, and what is thrown
// there ends the process.
absl::Status NothingThrown(const std::function<absl::Status()>& body);

// Starts a thread of an engine. ResourceExhausted where the system has none left.
absl::StatusOr<std::thread> StartThread(std::function<void()> body);

}  // namespace concord::exec
