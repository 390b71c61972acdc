#pragma once

#include "absl/types/span.h"
#include "concord/plugin.h"

namespace concord::hal {

// A backend that is part of this library rather than a file.
struct LinkedPlugin {
  const char* name;
  concord_plugin_query_fn* query;
};

// Those of the list in backends/CMakeLists.txt. Defined outside of runtime/, in the file that knows both sides.
absl::Span<const LinkedPlugin> LinkedPlugins();

}  // namespace concord::hal
