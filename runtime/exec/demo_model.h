#pragma once

#include <cstddef>

#include "absl/types/span.h"

namespace concord::exec {

// The GGUF file of the built-in demo model (examples/demo-model), part of the library's read-only data; empty when the
// library was built without it.
absl::Span<const std::byte> DemoModelBytes();

}  // namespace concord::exec
