#include "runtime/cli/cts_text.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "runtime/cli/format.h"

namespace concord::cli {
namespace {

using cts::CaseReport;
using cts::Report;
using cts::Verdict;

constexpr size_t kMostLines = 25;  // of a list: a device without an op refuses hundreds of cases

std::string Title(const Report& report) {
  return absl::StrCat("concord-cts ", report.version, "  ", report.device.id, " (", report.device.name, ")  plugin ",
                      report.plugin, " ", report.plugin_version, " (", report.vendor, ")\nprofile ", report.profile,
                      ": ", report.profile_summary, "\n\n");
}

std::string Totals(const Report& report) {
  std::vector<std::string> headings = {"group"};
  for (int v = 0; v < cts::kVerdicts; ++v) headings.push_back(absl::StrCat(">", NameOf(static_cast<Verdict>(v))));
  headings.emplace_back(">seconds");
  Table table(headings);
  for (size_t begin = 0; begin < report.cases.size();) {
    const std::string group = report.cases[begin].group();
    std::vector<int> counts(cts::kVerdicts, 0);
    double seconds = 0;
    for (; begin < report.cases.size() && report.cases[begin].group() == group; ++begin) {
      ++counts[static_cast<size_t>(report.cases[begin].verdict)];
      seconds += report.cases[begin].seconds;
    }
    std::vector<std::string> cells = {group};
    for (const int count : counts) cells.push_back(count == 0 ? "" : std::to_string(count));
    cells.push_back(absl::StrFormat("%.1f", seconds));
    table.Row(std::move(cells));
  }
  return table.ToString();
}

std::string More(size_t count) {
  return absl::StrCat("  ... and ", count, " more; --json FILE and --html FILE have all of them\n");
}

using Belongs = std::function<bool(const CaseReport&)>;

// The same, cases of one parent with the same reason in one line: "ops/linear/q4_k/f32/* (4)  the reason".
std::string Gathered(const Report& report, const std::string& heading, const Belongs& belongs,
                     const std::function<std::string(const CaseReport&)>& reason) {
  struct Line {
    std::string name, parent, why;
    int count;
  };
  std::vector<Line> lines;
  for (const CaseReport& c : report.cases) {
    if (!belongs(c)) continue;
    const std::string parent = c.name.substr(0, c.name.rfind('/')), why = reason(c);
    const auto same = [&](const Line& line) { return line.parent == parent && line.why == why; };
    if (const auto known = std::find_if(lines.begin(), lines.end(), same); known != lines.end()) {
      ++known->count;
    } else {
      lines.push_back({c.name, parent, why, 1});
    }
  }
  if (lines.empty()) return "";
  std::string out = absl::StrCat("\n", heading, "\n");
  for (size_t i = 0; i < lines.size() && i < kMostLines; ++i) {
    const Line& line = lines[i];
    const std::string name = line.count == 1 ? line.name : absl::StrCat(line.parent, "/* (", line.count, ")");
    absl::StrAppend(&out, "  ", name, "  ", line.why, "\n");
  }
  return absl::StrCat(out, lines.size() > kMostLines ? More(lines.size() - kMostLines) : "");
}

std::string Failures(const Report& report) {
  std::string out;
  size_t count = 0;
  for (const CaseReport& c : report.cases) {
    if (c.verdict != Verdict::kFailed || count++ >= kMostLines) continue;
    absl::StrAppend(&out, "  ", c.name, "\n    ", absl::StrReplaceAll(c.result.detail, {{"\n", "\n      "}}),
                    "\n    again: ", c.command, "\n");
  }
  if (count == 0) return "";
  return absl::StrCat("\nFailed\n", out, count > kMostLines ? More(count - kMostLines) : "");
}

std::string Findings(const Report& report) {
  const auto is = [](Verdict verdict) { return [verdict](const CaseReport& c) { return c.verdict == verdict; }; };
  const auto refused = [](bool required) {
    return [required](const CaseReport& c) { return c.verdict == Verdict::kRefused && c.required == required; };
  };
  const auto detail = [](const CaseReport& c) { return c.result.detail; };
  const auto exclusion = [](const CaseReport& c) { return c.exclusion; };
  return absl::StrCat(
      Failures(report),
      Gathered(report, "Excluded, and passed: take the line out", is(Verdict::kUnexpectedPass), exclusion),
      Gathered(report, absl::StrCat("Refused, and ", report.profile, " needs it"), refused(true), detail),
      Gathered(report, absl::StrCat("Refused, and ", report.profile, " does not need it"), refused(false), detail),
      Gathered(report, "Excluded", is(Verdict::kExcluded), exclusion),
      Gathered(report, "Skipped", is(Verdict::kSkipped), detail));
}

std::string Speed(const Report& report) {
  if (report.speed.empty()) return "";
  Table table({"op", ">time", ">GB/s", ">of peak", ">GFLOP/s"});
  std::string refused;
  for (const cts::SpeedReport& s : report.speed) {
    if (!s.refused.empty()) {
      absl::StrAppend(&refused, s.name, "  ", s.refused, "\n");
      continue;
    }
    const double peak = report.peak.bytes_per_second;
    table.Row({s.name, absl::StrFormat("%.3f ms", s.seconds * 1e3), absl::StrFormat("%.1f", s.bytes_per_second() / 1e9),
               peak > 0 ? absl::StrFormat("%.0f %%", 100 * s.bytes_per_second() / peak) : "-",
               absl::StrFormat("%.1f", s.flops_per_second() / 1e9)});
  }
  return absl::StrCat("\nSpeed, of a peak of ", absl::StrFormat("%.1f", report.peak.bytes_per_second / 1e9),
                      " GB/s: ", report.peak.source, "\n", table.ToString(), refused);
}

}  // namespace

std::string CtsText(const Report& report) {
  return absl::StrCat(Title(report), report.cases.empty() ? "" : Totals(report), Findings(report), Speed(report), "\n",
                      report.cases.empty() ? "" : absl::StrCat(report.Summary(), "\n"));
}

}  // namespace concord::cli
