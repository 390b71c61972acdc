#pragma once

#include "absl/strings/string_view.h"
#include "runtime/base/status.h"
#include "runtime/hal/handle.h"

namespace concord::hal {

// A weight on a device.
class Constant : public Handle<concord_constant, &concord_plugin_api::constant_destroy> {
 public:
  using Handle::Handle;

  struct Blob {
    absl::string_view bytes;  // owned by the constant; empty: used in place, nothing worth keeping
    uint64_t key = 0;         // changes whenever the plugin packs differently
  };
  absl::StatusOr<Blob> Export() const;

  concord_binding Bind(uint32_t slot) const { return {slot, CONCORD_ROLE_CONSTANT, nullptr, get(), 0, 0}; }
};

}  // namespace concord::hal
