#include "runtime/cli/device_report.h"

#include "absl/strings/str_format.h"
#include "runtime/cli/device_json.h"
#include "runtime/cli/text_width.h"

namespace concord::cli {
namespace {

constexpr size_t kColumns = 100, kIndent = 17;

// "    memory       4.00 GiB, ..." in as many lines as it needs; nothing for an empty value.
std::string Line(absl::string_view label, const std::string& value) {
  if (value.empty()) return "";
  const std::string head = absl::StrCat("    ", label, std::string(kIndent - 4 - label.size(), ' '));
  return absl::StrCat(head, Wrapped(value, kIndent, kColumns), "\n");
}

// "12.3 GB/s"; "-" for what was not measured.
std::string Speed(double per_second, const char* unit) {
  return per_second > 0 ? absl::StrFormat("%.*f %s", per_second < 1e10 ? 2 : 1, per_second / 1e9, unit) : "-";
}

std::string Micros(double seconds) { return absl::StrFormat("%.2g µs", seconds * 1e6); }

std::string MemoryOf(const DeviceReport& report) {
  const hal::DeviceInfo& info = report.entry->info;
  std::string out = info.memory_bytes == 0 ? "of unknown size" : Bytes(static_cast<double>(info.memory_bytes));
  if (report.free_bytes >= 0) absl::StrAppend(&out, ", ", Bytes(static_cast<double>(report.free_bytes)), " free");
  if (info.has(CONCORD_DEVICE_HOST_MEMORY)) out += "; the host's own, so weights are used where they lie in the file";
  return out;
}

std::string LimitsOf(const hal::DeviceInfo& info) {
  const bool any = info.max_buffer_bytes == 0 || info.max_buffer_bytes >= (uint64_t{1} << 62);
  return absl::StrCat(
      any ? "buffers of any size" : absl::StrCat("buffers up to ", Bytes(static_cast<double>(info.max_buffer_bytes))),
      ", bindings at multiples of ", info.binding_align_bytes, " bytes, ", info.queue_count,
      info.queue_count == 1 ? " queue" : " queues");
}

// "linear/q4_k/int8/32" as "weights q4_k in int8/32"; "attention/f16" as "KV f16".
std::string KindOf(const std::string& key) {
  const size_t first = key.find('/'), second = key.find('/', first + 1);
  if (first == std::string::npos) return key.empty() ? "other ops" : key;
  const std::string packing = key.substr(first + 1, second == std::string::npos ? second : second - first - 1);
  if (key.compare(0, first, "attention") == 0) return "KV " + packing;
  return absl::StrCat("weights ", packing, second == std::string::npos ? "" : " in " + key.substr(second + 1));
}

std::string FiguresOf(const exec::Probed& probed) {
  const graph::DeviceModel& model = probed.model;
  std::string what = absl::StrCat(probed.from_cache ? Ago(probed.measured_s) : "now", ": a submission takes ",
                                  Micros(model.submission_seconds), ", each op in it ", Micros(model.op_seconds));
  if (model.copy_bytes_per_second > 0) {
    absl::StrAppend(&what, "; a copy ", Micros(model.copy_seconds), " and then ",
                    Speed(model.copy_bytes_per_second, "GB/s"));
  }
  if (model.cache_bytes > 0)
    absl::StrAppend(&what, "; small models are those that read up to ", Bytes(model.cache_bytes));
  Table table({"", ">decoding", ">small models", ">prompts"});
  for (const auto& [key, rate] : model.rates) {
    table.Row({KindOf(key), Speed(rate.bytes_per_second, "GB/s"), Speed(rate.cached_bytes_per_second, "GB/s"),
               Speed(rate.flops_per_second, "GFLOPS")});
  }
  std::string out = Line("measured", what), rows = table.ToString();
  for (size_t at = 0; at < rows.size();) {
    const size_t end = rows.find('\n', at);
    absl::StrAppend(&out, std::string(kIndent, ' '), rows.substr(at, end - at), "\n");
    at = end + 1;
  }
  return out;
}

}  // namespace

DeviceReport ReportOn(const hal::DeviceRegistry& registry, const hal::DeviceRegistry::Entry& entry, bool probe) {
  DeviceReport report;
  report.entry = &entry;
  const absl::StatusOr<std::shared_ptr<hal::Device>> device = registry.Open(entry.info.id);
  report.opened = device.status();
  if (!device.ok()) return report;
  report.free_bytes = exec::DescribeDevice(**device).free_bytes;
  report.probed = exec::ProbedModel(**device, probe ? exec::ProbeUse::kCached : exec::ProbeUse::kOnlyCached);
  return report;
}

std::string AsText(const DeviceReport& report) {
  const hal::DeviceInfo& info = report.entry->info;
  const hal::Plugin& plugin = report.entry->instance->plugin();
  std::string out = absl::StrCat("  ", info.id, "  ", info.name, "\n");
  out += Line("plugin", absl::StrCat(plugin.name(), " ", plugin.version(), ", ",
                                     plugin.path().empty() ? "built in" : plugin.path()));
  out += Line("runtime", plugin.runtime_version());
  out += Line("driver", info.driver);
  out += Line("uses", info.features);
  if (!report.opened.ok()) return out + Line("cannot open", std::string(report.opened.message()));
  out += Line("memory", MemoryOf(report));
  out += Line("limits", LimitsOf(info));
  if (report.probed.ok()) return out + FiguresOf(*report.probed);
  const bool absent = absl::IsNotFound(report.probed.status());
  return out + Line("measured", absent ? std::string("not yet; without --no-probe this takes two seconds")
                                       : absl::StrCat("no: ", report.probed.status().message()));
}

Json AsJson(const DeviceReport& report) {
  const hal::DeviceInfo& info = report.entry->info;
  Json json = DeviceJson(*report.entry);
  json["runtime_version"] = report.entry->instance->plugin().runtime_version();
  json["binding_align_bytes"] = info.binding_align_bytes;
  json["constant_align_bytes"] = info.constant_align_bytes;
  json["max_partition_ops"] = info.max_partition_ops;
  json["kv_layout"] = info.kv_layout;
  json["host_memory"] = info.has(CONCORD_DEVICE_HOST_MEMORY);
  json["shares_host_cores"] = info.has(CONCORD_DEVICE_SHARES_HOST_CORES);
  json["async"] = info.has(CONCORD_DEVICE_ASYNC);
  json["free_bytes"] = report.free_bytes < 0 ? Json() : Json(report.free_bytes);
  if (!report.opened.ok()) json["error"] = std::string(report.opened.message());
  if (report.probed.ok()) {
    json["probe"] = exec::ProbeJson(report.probed->model);
    json["probe"]["measured_s"] = report.probed->measured_s;
    json["probe"]["from_cache"] = report.probed->from_cache;
    json["probe"]["file"] = report.probed->file;
  } else {
    json["probe"] = Json();
    if (!absl::IsNotFound(report.probed.status())) json["probe_error"] = std::string(report.probed.status().message());
  }
  return json;
}

}  // namespace concord::cli
