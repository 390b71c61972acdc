#pragma once

#include <string>

#include "concord/plugin.h"
#include "runtime/base/status.h"

namespace concord::hal {

// The status of a call into a plugin. `where` is what was called ("cpu:0: submit"); the vendor's code and the op's
// position are put behind the plugin's message. A code outside of CONCORD_* becomes UNKNOWN.
absl::Status ToStatus(int32_t code, const concord_error& error, absl::string_view where);

// An error for a plugin to fill: it concerns no op until it says so.
concord_error NoError();

// The other direction, for semaphore_fail: the message is cut to fit.
concord_error ToError(const absl::Status& status);

}  // namespace concord::hal
