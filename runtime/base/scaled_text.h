#pragma once

#include <string>
#include <vector>

namespace concord {

// Three digits and the unit that leaves the least before the point: {"", " K", " M"} and a step of 1000 give "1.24 M".
std::string ScaledText(double value, double step, const std::vector<const char*>& units);

// "1.23 GiB", "512 B".
std::string BytesText(double bytes);

}  // namespace concord
