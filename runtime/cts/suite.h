#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/cts/context.h"
#include "runtime/cts/exclusions.h"
#include "runtime/cts/profile.h"
#include "runtime/cts/report.h"

namespace concord::cts {

// Called before each case.
using OnCase = std::function<void(int done, int total, const std::string& name)>;

struct SuiteOptions {
  const Profile* profile = nullptr;
  std::string filter;  // patterns separated by commas; empty: everything
  Exclusions exclusions;
  uint64_t seed = 0;
  int repeat = 1;       // run r has seed + r; the first run that does not pass is reported
  std::string command;  // what a case's own command begins with: "concord-cts --plugin ./libfoo.so"
  OnCase on_case;
};

// The names that `filter` chooses, in the order in which they run.
std::vector<std::string> ListCases(const std::string& filter);

// Runs the cases and nothing else: speed is measured apart.
Report RunSuite(Context& context, const SuiteOptions& options);

}  // namespace concord::cts
