#pragma once

#include <cstdint>
#include <string>

#include "runtime/hal/plugin.h"

namespace concord::hal {

// The file that a plugin's code comes from: its own, or the program or library that it is linked into; "" when the
// system does not say.
std::string FileOf(const Plugin& plugin);

// Of the bytes of that file: changes with every build that changes anything. Takes a millisecond per 10 MB.
// Errors: it cannot be read.
absl::StatusOr<uint64_t> FileHash(const Plugin& plugin);

}  // namespace concord::hal
