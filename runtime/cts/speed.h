#pragma once

#include <string>
#include <vector>

#include "runtime/cts/suite.h"

namespace concord::cts {

// "speed/linear/q4_k/1x8192x2048" and the like, as far as `filter` chooses them.
std::vector<std::string> ListSpeed(const std::string& filter);

// Times ops at the sizes of Llama 3.2 1B and measures the peak that they are held against; fills report->speed and
// report->peak. One run after the other with tensors that stay where they are: those that fit in a cache of the device
// are read from there, so their share of the peak can exceed 1.
absl::Status MeasureSpeed(const hal::Device& device, const std::string& filter, const OnCase& on_case, Report* report);

}  // namespace concord::cts
