#pragma once

#include <vector>

#include "backends/sdk/objects.h"
#include "concord/plugin.h"

namespace concord::sdk {
inline namespace v0 {

// One queued piece of work. Recycled with its vectors' capacity: a steady stream of submissions allocates nothing.
struct Work {
  enum class Kind { kSubmit, kCopy, kFill, kBarrier };

  Kind kind = Kind::kBarrier;
  Prepared* prepared = nullptr;
  std::vector<concord_symbol_value> values;
  std::vector<concord_binding> bindings;
  concord_copy_args copy{};
  concord_fill_args fill{};
  std::vector<concord_point> waits;
  std::vector<concord_point> signals;
};

}  // namespace v0
}  // namespace concord::sdk
