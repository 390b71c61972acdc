#include "runtime/exec/probe_cache.h"

#include <atomic>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/time/clock.h"
#include "runtime/base/cache_folder.h"
#include "runtime/hal/plugin_file.h"
#include "runtime/loader/json.h"

namespace concord::exec {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 3;  // grows whenever a probe measures something else, or means something else by it
constexpr char kKind[] = "probes";
constexpr int64_t kMostBytes = 1 << 20;

// Everything that the figures depend on.
Json KeyOf(const hal::Device& device) {
  const hal::DeviceInfo& info = device.info();
  const hal::Plugin& plugin = device.instance().plugin();
  const absl::StatusOr<uint64_t> hash = hal::FileHash(plugin);
  return {{"format", kFormat},
          {"device", info.id},
          {"name", info.name},
          {"driver", info.driver},
          {"features", info.features},
          {"plugin", plugin.name()},
          {"plugin_version", plugin.version()},
          {"plugin_hash", hash.ok() ? absl::StrCat(absl::Hex(*hash, absl::kZeroPad16)) : std::string("unknown")},
          {"threads", device.instance().host().arena().worker_count()}};
}

// One file for a device, whatever else changes: what is out of date is replaced.
std::string FileOf(const Json& key) {
  std::string stem = key["device"].get<std::string>();
  for (char& c : stem) {
    if (c == ':') c = '-';
  }
  const std::string which = absl::StrCat(key["name"].get<std::string>(), "\n", key["threads"].get<uint32_t>());
  return CacheFolder::NameOf(stem, which, "json");
}

// Four digits: more would be noise.
double Rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g", value);
  return std::strtod(text, nullptr);
}

// A figure of a file: a number that is no less than 0. False: there is none.
bool Get(const nlohmann::json& json, const char* key, double* out) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) return false;
  *out = found->get<double>();
  return std::isfinite(*out) && *out >= 0;
}

bool FromJson(const nlohmann::json& json, graph::DeviceModel* model) {
  if (!json.is_object() || !json.contains("rates") || !json["rates"].is_object()) return false;
  for (const auto& [kind, rate] : json["rates"].items()) {
    graph::Rate& r = model->rates[kind];
    if (!rate.is_object() || !Get(rate, "bytes_per_second", &r.bytes_per_second) ||
        !Get(rate, "flops_per_second", &r.flops_per_second) || !Get(rate, "rows_per_second", &r.rows_per_second) ||
        !Get(rate, "activation_bytes_per_second", &r.activation_bytes_per_second) ||
        !Get(rate, "pairs_per_second", &r.pairs_per_second) ||
        !Get(rate, "cached_bytes_per_second", &r.cached_bytes_per_second)) {
      return false;
    }
  }
  return Get(json, "op_seconds", &model->op_seconds) && Get(json, "shared_op_seconds", &model->shared_op_seconds) &&
         Get(json, "submission_seconds", &model->submission_seconds) &&
         Get(json, "copy_seconds", &model->copy_seconds) && Get(json, "cache_bytes", &model->cache_bytes) &&
         Get(json, "copy_bytes_per_second", &model->copy_bytes_per_second);
}

// False: there is no such file, or it is of another key, or broken.
bool Load(const CacheFolder& cache, const std::string& file, const Json& key, Probed* out) {
  const absl::StatusOr<std::string> text = cache.Read(kKind, file, kMostBytes);
  if (!text.ok()) return false;
  const absl::StatusOr<nlohmann::json> json = loader::ParseJson(*text, file);
  if (!json.ok() || !json->is_object() || json->value("key", nlohmann::json()) != nlohmann::json(key)) return false;
  double measured = 0;
  if (!Get(*json, "measured_s", &measured) || !FromJson(json->value("model", nlohmann::json()), &out->model)) {
    return false;
  }
  out->measured_s = static_cast<int64_t>(measured);
  out->from_cache = true;
  return true;
}

void Keep(const CacheFolder& cache, const std::string& file, const Json& key, const hal::Device& device,
          Probed* probed) {
  static std::atomic<bool> said{false};
  const Json json = {{"key", key}, {"measured_s", probed->measured_s}, {"model", ProbeJson(probed->model)}};
  const absl::Status status = cache.path().empty()
                                  ? absl::OkStatus()  // as the user wishes
                                  : cache.Write(kKind, file, json.dump(2, ' ', false, Json::error_handler_t::replace));
  if (!status.ok()) probed->file.clear();
  if (status.ok() || said.exchange(true)) return;
  device.instance().host().Log(LogLevel::kWarning,
                               absl::StrCat("devices are measured anew each time, which takes two seconds: ",
                                            status.message(), "; CONCORD_CACHE_DIR may name another folder"));
}

}  // namespace

Json ProbeJson(const graph::DeviceModel& model) {
  Json rates = Json::object();
  for (const auto& [kind, rate] : model.rates) {
    rates[kind] = {{"bytes_per_second", Rounded(rate.bytes_per_second)},
                   {"flops_per_second", Rounded(rate.flops_per_second)},
                   {"rows_per_second", Rounded(rate.rows_per_second)},
                   {"activation_bytes_per_second", Rounded(rate.activation_bytes_per_second)},
                   {"pairs_per_second", Rounded(rate.pairs_per_second)},
                   {"cached_bytes_per_second", Rounded(rate.cached_bytes_per_second)}};
  }
  return {{"op_seconds", Rounded(model.op_seconds)},
          {"shared_op_seconds", Rounded(model.shared_op_seconds)},
          {"submission_seconds", Rounded(model.submission_seconds)},
          {"copy_seconds", Rounded(model.copy_seconds)},
          {"copy_bytes_per_second", Rounded(model.copy_bytes_per_second)},
          {"cache_bytes", Rounded(model.cache_bytes)},
          {"rates", std::move(rates)}};
}

absl::StatusOr<Probed> ProbedModel(const hal::Device& device, ProbeUse use) {
  const CacheFolder cache = CacheFolder::OfEnvironment();
  const Json key = KeyOf(device);
  const std::string file = FileOf(key);
  Probed probed;
  probed.model = DescribeDevice(device);
  if (!cache.path().empty()) probed.file = absl::StrCat(cache.path(), "/", kKind, "/", file);
  if (use != ProbeUse::kAnew && Load(cache, file, key, &probed)) return probed;
  if (use == ProbeUse::kOnlyCached) return absl::NotFoundError(absl::StrCat(device.id(), " was not measured yet"));
  CONCORD_ASSIGN_OR_RETURN(probed.model, ProbeDevice(device));
  probed.measured_s = absl::ToUnixSeconds(absl::Now());
  Keep(cache, file, key, device, &probed);
  return probed;
}

}  // namespace concord::exec
