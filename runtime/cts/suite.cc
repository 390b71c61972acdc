#include "runtime/cts/suite.h"

#include <chrono>

#include "concord/concord.h"
#include "runtime/cts/case.h"
#include "runtime/cts/pattern.h"

namespace concord::cts {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

std::vector<const Case*> Choose(const std::string& filter) {
  std::vector<const Case*> chosen;
  for (const Case& c : AllCases()) {
    if (filter.empty() || MatchesAny(filter, c.name)) chosen.push_back(&c);
  }
  return chosen;
}

Verdict VerdictOf(Outcome outcome, bool excluded) {
  switch (outcome) {
    case Outcome::kPassed:
      return excluded ? Verdict::kUnexpectedPass : Verdict::kPassed;
    case Outcome::kSkipped:
      return Verdict::kSkipped;
    case Outcome::kRefused:
      return excluded ? Verdict::kExcluded : Verdict::kRefused;
    case Outcome::kFailed:
      break;
  }
  return excluded ? Verdict::kExcluded : Verdict::kFailed;
}

CaseReport RunCase(Context& context, const Case& c, const SuiteOptions& options) {
  CaseReport report;
  report.name = c.name;
  report.required = Requires(*options.profile, c.name);
  const std::string* excluded = options.exclusions.Find(c.name);
  if (excluded != nullptr) report.exclusion = *excluded;
  const Clock::time_point begin = Clock::now();
  for (int run = 0; run < options.repeat; ++run) {
    report.seed = options.seed + static_cast<uint64_t>(run);
    context.set_seed(report.seed);
    report.result = c.run(context);
    if (report.result.outcome != Outcome::kPassed) break;
  }
  report.seconds = SecondsSince(begin);
  report.verdict = VerdictOf(report.result.outcome, excluded != nullptr);
  report.command = absl::StrCat(options.command, " --filter ", c.name);
  if (report.seed != 0) absl::StrAppend(&report.command, " --seed ", report.seed);
  return report;
}

}  // namespace

std::vector<std::string> ListCases(const std::string& filter) {
  std::vector<std::string> names;
  for (const Case* c : Choose(filter)) names.push_back(c->name);
  return names;
}

Report RunSuite(Context& context, const SuiteOptions& options) {
  const hal::Plugin& plugin = context.device().instance().plugin();
  Report report;
  report.version = Version();
  report.plugin = plugin.name();
  report.plugin_version = plugin.version();
  report.vendor = plugin.vendor();
  report.plugin_path = plugin.path();
  report.device = context.device().info();
  report.profile = options.profile->name;
  report.profile_summary = options.profile->summary;
  report.seed = options.seed;
  report.repeat = options.repeat;
  report.filter = options.filter;
  const std::vector<const Case*> chosen = Choose(options.filter);
  const Clock::time_point begin = Clock::now();
  for (const Case* c : chosen) {
    if (options.on_case) {
      options.on_case(static_cast<int>(report.cases.size()), static_cast<int>(chosen.size()), c->name);
    }
    report.cases.push_back(RunCase(context, *c, options));
  }
  report.seconds = SecondsSince(begin);
  return report;
}

}  // namespace concord::cts
