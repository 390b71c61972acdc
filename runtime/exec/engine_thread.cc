#include "runtime/exec/engine_thread.h"

#include <exception>
#include <new>
#include <system_error>
#include <utility>

namespace concord::exec {
namespace {

// Made before memory runs out: there may be none left for the message.
const absl::Status& OutOfMemory() {
  static const auto* status = new absl::Status(absl::ResourceExhaustedError("out of memory in the middle of a step"));
  return *status;
}

}  // namespace

absl::Status NothingThrown(const std::function<absl::Status()>& body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  } catch (const std::exception&) {
    return absl::InternalError("a step threw an exception");
  }
}

absl::StatusOr<std::thread> StartThread(std::function<void()> body) {
  (void)OutOfMemory();
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot start the engine's thread: ", error.what(),
                                                     "; raise the limit on processes or memory (ulimit -u, -v)"));
  }
}

}  // namespace concord::exec
