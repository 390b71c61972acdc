#include "runtime/exec/demo_model.h"

// Put there by the assembler (runtime/exec/CMakeLists.txt): no generated source of millions of characters.
extern "C" {
extern const std::byte concord_demo_model_begin[];
extern const std::byte concord_demo_model_end[];
}

namespace concord::exec {

absl::Span<const std::byte> DemoModelBytes() {
  return {concord_demo_model_begin, static_cast<size_t>(concord_demo_model_end - concord_demo_model_begin)};
}

}  // namespace concord::exec
