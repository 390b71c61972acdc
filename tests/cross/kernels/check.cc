#include "tests/cross/kernels/check.h"

#include <cmath>
#include <cstdio>

#include "tests/unit/kernels/kernel_testing.h"

namespace concord::kernels::cross {
namespace {

Counts counts;

std::string Text(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

std::string At(const std::string& what, size_t i) { return what + " at " + std::to_string(i); }

}  // namespace

const Counts& Done() { return counts; }

bool Check(bool ok, const std::string& what, const std::string& got, const std::string& wanted) {
  constexpr int64_t kShown = 40;
  ++counts.checks;
  if (ok) return true;
  if (++counts.failures <= kShown) {
    std::printf("FAILED %s: got %s, want %s\n", what.c_str(), got.c_str(), wanted.c_str());
  }
  return false;
}

void CheckSameBits(const std::string& what, const std::vector<float>& got, const std::vector<float>& wanted) {
  if (!Check(got.size() == wanted.size(), what, std::to_string(got.size()), std::to_string(wanted.size()))) return;
  for (size_t i = 0; i < got.size(); ++i) {
    const bool same = Bits(got[i]) == Bits(wanted[i]) || (std::isnan(got[i]) && std::isnan(wanted[i]));
    if (same) {
      ++counts.checks;
    } else {
      Check(false, At(what, i), Text(got[i]), Text(wanted[i]));
    }
  }
}

void CheckNear(const std::string& what, const std::vector<float>& got, const std::vector<double>& wanted,
               const std::function<double(size_t i)>& tolerance) {
  if (!Check(got.size() == wanted.size(), what, std::to_string(got.size()), std::to_string(wanted.size()))) return;
  for (size_t i = 0; i < got.size(); ++i) {
    const bool near = std::isnan(wanted[i])   ? std::isnan(got[i])
                      : std::isinf(wanted[i]) ? got[i] == wanted[i]
                                              : std::fabs(got[i] - wanted[i]) <= tolerance(i);
    if (near) {
      ++counts.checks;
    } else {
      Check(false, At(what, i), Text(got[i]), Text(wanted[i]) + " within " + Text(tolerance(i)));
    }
  }
}

std::vector<float> SameInEveryVariant(const std::string& what, const std::function<std::vector<float>(Isa isa)>& run) {
  const std::vector<float> wanted = run(Isa::kPortable);
  for (Isa isa : SupportedIsas()) {
    if (isa != Isa::kPortable) CheckSameBits(what + " " + IsaName(isa), run(isa), wanted);
  }
  return wanted;
}

}  // namespace concord::kernels::cross
