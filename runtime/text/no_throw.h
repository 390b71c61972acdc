#pragma once

#include <exception>
#include <new>

#include "runtime/base/status.h"

namespace concord::text {

// The result of `run`, a function that returns a Status or StatusOr, with exhausted memory and whatever else the
// standard library throws turned into a status.
template <typename Run>
auto NoThrow(const Run& run) -> decltype(run()) {
  try {
    return run();
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("not enough memory for the tokenizer");
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("tokenizer: ", error.what()));
  }
}

}  // namespace concord::text
