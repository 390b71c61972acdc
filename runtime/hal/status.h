#pragma once

#include <string>

#include "concord/plugin.h"
#include "runtime/base/status.h"

namespace concord::hal {

// The status of a call into a plugin. `where` is what was called ("cpu:0: submit"); the vendor's code and the op's
// position are put behind the plugin's message. A code outside of CONCORD_* becomes UNKNOWN.
absl::Status ToStatus(int32_t code, const concord_error& error, absl::string_view where);

// The op that a status of ToStatus concerns: its position in the program, or CONCORD_NONE.
uint32_t OpIndexOf(const absl::Status& status);

// " op 3 (linear, layers.0.mlp)" for messages about a program; "" when there is no such op.
std::string OpLabel(const concord_program_desc& desc, uint32_t index);

// The same status with the name of the op that it concerns, which only whoever has the program can know.
absl::Status WithOpName(const absl::Status& status, const concord_program_desc& desc);

// An error for a plugin to fill: it concerns no op until it says so.
concord_error NoError();

// The other direction, for semaphore_fail: the message is cut to fit.
concord_error ToError(const absl::Status& status);

}  // namespace concord::hal
