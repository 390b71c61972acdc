#pragma once

#include <string>
#include <vector>

#include "runtime/cts/suite.h"

namespace concord::cts {

// "speed/linear/q4_k/1x8192x2048" and the like, as far as `filter` chooses them.
std::vector<std::string> ListSpeed(const std::string& filter);

// Times ops at the sizes of Llama 3.2 1B and measures the peak that they are held against; fills report->speed and
// report->peak. Runs one after the other use tensors that lie apart, 256 MiB in all, so that a device with less cache
// than that reads its memory; one with more can exceed its peak. Takes a second an op or less, and 1 GiB at most.
absl::Status MeasureSpeed(const hal::Device& device, const std::string& filter, const OnCase& on_case, Report* report);

}  // namespace concord::cts
