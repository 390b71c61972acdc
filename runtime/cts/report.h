#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/cts/case_result.h"
#include "runtime/hal/device_info.h"

namespace concord::cts {

// What a case means for the suite. Excluded: it did not pass, and the vendor says why. Unexpected pass: it is excluded,
// and passed.
enum class Verdict { kPassed, kRefused, kFailed, kExcluded, kUnexpectedPass, kSkipped };
constexpr int kVerdicts = 6;
const char* NameOf(Verdict verdict);  // "unexpected pass"

struct CaseReport {
  std::string name;
  Verdict verdict = Verdict::kFailed;
  bool required = false;  // by the profile: then a refusal is not good enough
  CaseResult result;
  std::string exclusion;  // the vendor's reason; empty: not excluded
  uint64_t seed = 0;      // of the run that is reported
  double seconds = 0;
  std::string command;  // repeats this case alone

  std::string group() const { return name.substr(0, name.find('/')); }
  // Whether the suite is not green because of it.
  bool bad() const {
    return verdict == Verdict::kFailed || verdict == Verdict::kUnexpectedPass ||
           (verdict == Verdict::kRefused && required);
  }
};

// One op at the size of a real model, timed.
struct SpeedReport {
  std::string name;
  double seconds = 0;  // of one run, the best of several rounds
  double bytes = 0, flops = 0;
  std::string refused;  // why there is no number

  double bytes_per_second() const { return bytes / seconds; }
  double flops_per_second() const { return flops / seconds; }
};

struct Peak {
  double bytes_per_second = 0;
  std::string source;  // exactly what was measured
};

// All that a run of the suite found.
struct Report {
  std::string version;                                      // of Concord
  std::string plugin, plugin_version, vendor, plugin_path;  // path "" = linked in
  hal::DeviceInfo device;
  std::string profile, profile_summary;
  uint64_t seed = 0;
  int repeat = 1;
  std::string filter;  // empty: everything
  std::vector<CaseReport> cases;
  std::vector<SpeedReport> speed;
  Peak peak;
  double seconds = 0;

  int Count(Verdict verdict) const;
  int CountBad() const;
  bool green() const { return CountBad() == 0; }
  // "green: 812 passed", or what stands against it.
  std::string Summary() const;
};

std::string ToJson(const Report& report);
// One page that needs nothing but itself.
std::string ToHtml(const Report& report);

}  // namespace concord::cts
