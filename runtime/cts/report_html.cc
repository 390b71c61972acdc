#include <algorithm>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "runtime/cts/report.h"

namespace concord::cts {
namespace {

// Follows the reader's light or dark; widths in characters, so that it prints as well.
constexpr char kHead[] = R"(<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light dark; --ink: #1d2329; --paper: #fff; --soft: #5b6670; --line: #d8dee4; --band: #f5f7f9;
  --good: #1a7f37; --bad: #c62828; --warn: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e2e7ec; --paper: #14181c; --soft: #9aa5b0; --line: #323a42;
  --band: #1d2329; --good: #5bc77a; --bad: #ff7b72; --warn: #e0b050; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 68rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.verdict { font-size: 1.15rem; font-weight: 600; margin: .75rem 0; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); } .soft { color: var(--soft); }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.name { font-family: ui-monospace, monospace; font-size: .85rem; overflow-wrap: anywhere; min-width: 18rem; }
td.verdict-word { white-space: nowrap; }
pre, code { font-family: ui-monospace, monospace; font-size: .85rem; }
pre { background: var(--band); padding: .6rem .8rem; margin: .3rem 0 0; overflow-x: auto; border-radius: 4px; }
details { margin: .4rem 0; } summary { cursor: pointer; padding: .25rem 0; }
.bar { display: inline-block; height: .55rem; background: var(--good); border-radius: 2px; margin-left: .6rem; }
</style>
)";

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

const char* ClassOf(const CaseReport& c) {
  if (c.bad()) return "bad";
  return c.verdict == Verdict::kPassed ? "good" : c.verdict == Verdict::kExcluded ? "warn" : "soft";
}

std::string Row(absl::string_view name, absl::string_view value) {
  return value.empty() ? "" : absl::StrCat("<tr><th>", name, "</th><td>", Escaped(value), "</td></tr>\n");
}

std::string Facts(const Report& r) {
  return absl::StrCat(
      "<table>\n", Row("Device", absl::StrCat(r.device.id, " · ", r.device.name)), Row("Kind", r.device.kind),
      Row("Driver", r.device.driver), Row("Features", r.device.features),
      Row("Plugin", absl::StrCat(r.plugin, " ", r.plugin_version, " · ", r.vendor)),
      Row("File", r.plugin_path.empty() ? "linked into the program" : r.plugin_path),
      Row("Profile", absl::StrCat(r.profile, " · ", r.profile_summary)), Row("Only", r.filter),
      Row("Seed", absl::StrCat(r.seed, r.repeat > 1 ? absl::StrCat(", ", r.repeat, " runs a case") : "")),
      Row("Time", absl::StrFormat("%.1f s", r.seconds)), Row("Suite", absl::StrCat("concord-cts ", r.version)),
      "</table>\n");
}

std::vector<std::string> GroupsOf(const Report& report) {
  std::vector<std::string> groups;
  for (const CaseReport& c : report.cases) {
    if (groups.empty() || groups.back() != c.group()) groups.push_back(c.group());
  }
  return groups;
}

std::string Totals(const Report& report) {
  std::string out = "<h2>Totals</h2>\n<table>\n<tr><th>Group</th>";
  for (int v = 0; v < kVerdicts; ++v) {
    absl::StrAppend(&out, "<th class=number>", NameOf(static_cast<Verdict>(v)), "</th>");
  }
  out += "</tr>\n";
  for (const std::string& group : GroupsOf(report)) {
    absl::StrAppend(&out, "<tr><td>", Escaped(group), "</td>");
    for (int v = 0; v < kVerdicts; ++v) {
      const auto count = std::count_if(report.cases.begin(), report.cases.end(), [&](const CaseReport& c) {
        return c.group() == group && c.verdict == static_cast<Verdict>(v);
      });
      absl::StrAppend(&out, "<td class=number>", count == 0 ? "" : std::to_string(count), "</td>");
    }
    out += "</tr>\n";
  }
  return out + "</table>\n";
}

// What stands against green, each with all that is needed to look into it.
std::string Findings(const Report& report) {
  if (report.green()) return "";
  std::string out = "<h2>What stands against it</h2>\n";
  for (const CaseReport& c : report.cases) {
    if (!c.bad()) continue;
    absl::StrAppend(&out, "<details", c.verdict == Verdict::kFailed ? " open" : "", "><summary><code>", Escaped(c.name),
                    "</code> <span class=bad>", NameOf(c.verdict), "</span></summary>\n<pre>",
                    Escaped(c.verdict == Verdict::kUnexpectedPass
                                ? absl::StrCat("excluded because: ", c.exclusion, "\nit passes: take the line out")
                                : c.result.detail),
                    "\n\n", Escaped(c.command), "</pre></details>\n");
  }
  return out;
}

std::string Speed(const Report& report) {
  if (report.speed.empty()) return "";
  std::string out = absl::StrFormat(
      "<h2>Speed</h2>\n<p class=soft>Peak: %.1f GB/s, %s.</p>\n<table>\n<tr><th>Op</th><th class=number>time</th>"
      "<th class=number>GB/s</th><th class=number>GFLOP/s</th><th>of the peak</th></tr>\n",
      report.peak.bytes_per_second / 1e9, Escaped(report.peak.source));
  for (const SpeedReport& s : report.speed) {
    absl::StrAppend(&out, "<tr><td class=name>", Escaped(s.name), "</td>");
    if (!s.refused.empty()) {
      absl::StrAppend(&out, "<td colspan=4 class=soft>", Escaped(s.refused), "</td></tr>\n");
      continue;
    }
    const double share = report.peak.bytes_per_second > 0 ? s.bytes_per_second() / report.peak.bytes_per_second : 0;
    absl::StrAppendFormat(&out,
                          "<td class=number>%.3f ms</td><td class=number>%.1f</td><td class=number>%.1f</td>"
                          "<td>%.0f %%<span class=bar style=\"width:%.1frem\"></span></td></tr>\n",
                          s.seconds * 1e3, s.bytes_per_second() / 1e9, s.flops_per_second() / 1e9, share * 100,
                          std::min(share, 1.5) * 8);
  }
  return out + "</table>\n";
}

std::string DetailOf(const CaseReport& c) {
  std::string detail = c.result.detail.substr(0, c.result.detail.find('\n'));
  if (!c.exclusion.empty()) detail = absl::StrCat("excluded: ", c.exclusion, detail.empty() ? "" : "; ", detail);
  if (detail.empty() && c.result.tolerance > 0) {
    detail = absl::StrFormat("error %.2g of at most %.2g", c.result.error, c.result.tolerance);
  }
  return detail;
}

std::string AllCases(const Report& report) {
  std::string out = "<h2>Cases</h2>\n";
  for (const std::string& group : GroupsOf(report)) {
    const auto count = std::count_if(report.cases.begin(), report.cases.end(),
                                     [&](const CaseReport& c) { return c.group() == group; });
    absl::StrAppend(&out, "<details><summary>", Escaped(group), " (", count, ")</summary>\n<table>\n");
    for (const CaseReport& c : report.cases) {
      if (c.group() != group) continue;
      absl::StrAppend(&out, "<tr><td class=name>", Escaped(c.name), "</td><td class=\"verdict-word ", ClassOf(c), "\">",
                      NameOf(c.verdict),
                      c.verdict == Verdict::kRefused && c.required ? " <span class=soft>(needed)</span>" : "",
                      "</td><td>", Escaped(DetailOf(c)), "</td></tr>\n");
    }
    out += "</table></details>\n";
  }
  return out;
}

}  // namespace

std::string ToHtml(const Report& report) {
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n", kHead, "<title>concord-cts: ", Escaped(report.device.id),
      "</title>\n</head>\n<body>\n<h1>Concord conformance: ", Escaped(report.device.name), "</h1>\n<p class=\"verdict ",
      report.green() ? "good" : "bad", "\">", Escaped(report.Summary()), "</p>\n", Facts(report), Totals(report),
      Findings(report), Speed(report), AllCases(report), "</body>\n</html>\n");
}

}  // namespace concord::cts
