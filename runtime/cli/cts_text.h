#pragma once

#include <string>

#include "runtime/cts/report.h"

namespace concord::cli {

// A report of the suite for a terminal: totals a group, what stands against green with the command that repeats it,
// what else did not pass, speed, and the verdict as the last line.
std::string CtsText(const cts::Report& report);

}  // namespace concord::cli
