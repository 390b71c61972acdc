// The one place that knows both sides: the backends that are linked into the library, as the list in
// backends/CMakeLists.txt names them.
#include "runtime/hal/linked_plugin.h"

#define CONCORD_LINKED_BACKEND(name) \
  extern "C" const concord_plugin_api* concord_plugin_query_##name(uint32_t host_abi_major, concord_error* error);
#include "linked_backends.inc"
#undef CONCORD_LINKED_BACKEND

namespace concord::hal {
namespace {

#define CONCORD_LINKED_BACKEND(name) {#name, &concord_plugin_query_##name},
constexpr LinkedPlugin kLinked[] = {
#include "linked_backends.inc"
    {nullptr, nullptr}};
#undef CONCORD_LINKED_BACKEND

}  // namespace

absl::Span<const LinkedPlugin> LinkedPlugins() {
  return absl::MakeConstSpan(kLinked, sizeof(kLinked) / sizeof(kLinked[0]) - 1);
}

}  // namespace concord::hal
