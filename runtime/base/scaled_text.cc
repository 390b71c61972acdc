#include "runtime/base/scaled_text.h"

#include "absl/strings/str_format.h"

namespace concord {

std::string ScaledText(double value, double step, const std::vector<const char*>& units) {
  size_t unit = 0;
  while (value >= step && unit + 1 < units.size()) value /= step, ++unit;
  if (unit == 0) return absl::StrFormat("%.0f%s", value, units[0]);
  return absl::StrFormat("%.*f%s", value < 10 ? 2 : value < 100 ? 1 : 0, value, units[unit]);
}

std::string BytesText(double bytes) { return ScaledText(bytes, 1024, {" B", " KiB", " MiB", " GiB", " TiB"}); }

}  // namespace concord
