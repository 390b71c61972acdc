#pragma once

#include <cstdint>
#include <functional>

namespace concord {

// How far a long operation has come.
struct Progress {
  const char* stage = "";   // what is being done, for people: "reading weights"; lives for ever
  int64_t done_bytes = 0;   // never falls within a stage
  int64_t total_bytes = 0;  // 0 where unknown
};

// Called now and then during a long operation, from one thread at a time but not always the same one. May be empty.
// Must not call back into the operation that reports.
using ProgressFn = std::function<void(const Progress&)>;

}  // namespace concord
