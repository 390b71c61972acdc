#include <nlohmann/json.hpp>

#include "runtime/cts/report.h"

namespace concord::cts {
namespace {

using Json = nlohmann::ordered_json;

Json CaseJson(const CaseReport& c) {
  Json json = {{"name", c.name}, {"verdict", NameOf(c.verdict)}, {"required", c.required}, {"seconds", c.seconds}};
  if (!c.result.detail.empty()) json["detail"] = c.result.detail;
  if (!c.exclusion.empty()) json["exclusion"] = c.exclusion;
  if (c.result.tolerance > 0) {
    json["error"] = c.result.error;
    json["tolerance"] = c.result.tolerance;
  }
  if (c.verdict != Verdict::kPassed) {
    json["seed"] = c.seed;
    json["command"] = c.command;
  }
  return json;
}

Json SpeedJson(const SpeedReport& s, const Peak& peak) {
  if (!s.refused.empty()) return {{"name", s.name}, {"refused", s.refused}};
  Json json = {{"name", s.name},
               {"seconds", s.seconds},
               {"bytes", s.bytes},
               {"flops", s.flops},
               {"gb_per_second", s.bytes_per_second() / 1e9},
               {"gflop_per_second", s.flops_per_second() / 1e9}};
  if (peak.bytes_per_second > 0) json["share_of_peak"] = s.bytes_per_second() / peak.bytes_per_second;
  return json;
}

}  // namespace

std::string ToJson(const Report& report) {
  Json counts, cases = Json::array(), speed = Json::array();
  for (int v = 0; v < kVerdicts; ++v) {
    counts[NameOf(static_cast<Verdict>(v))] = report.Count(static_cast<Verdict>(v));
  }
  for (const CaseReport& c : report.cases) cases.push_back(CaseJson(c));
  for (const SpeedReport& s : report.speed) speed.push_back(SpeedJson(s, report.peak));
  Json json = {{"format", "concord-cts/1"},
               {"version", report.version},
               {"plugin",
                {{"name", report.plugin},
                 {"version", report.plugin_version},
                 {"vendor", report.vendor},
                 {"path", report.plugin_path}}},
               {"device",
                {{"id", report.device.id},
                 {"name", report.device.name},
                 {"kind", report.device.kind},
                 {"driver", report.device.driver},
                 {"features", report.device.features},
                 {"memory_bytes", report.device.memory_bytes}}},
               {"profile", report.profile},
               {"seed", report.seed},
               {"repeat", report.repeat},
               {"filter", report.filter},
               {"green", report.green()},
               {"summary", report.Summary()},
               {"seconds", report.seconds},
               {"counts", counts},
               {"cases", cases}};
  if (!report.speed.empty()) {
    json["peak"] = {{"gb_per_second", report.peak.bytes_per_second / 1e9}, {"source", report.peak.source}};
    json["speed"] = speed;
  }
  // Names and messages come from the plugin: bytes that are no UTF-8 become U+FFFD, so that it always parses.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace concord::cts
