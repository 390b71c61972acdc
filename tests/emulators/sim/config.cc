#include "tests/emulators/sim/config.h"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace concord::sim {
namespace {

constexpr char kVariable[] = "CONCORD_SIM";

// Reads a value into the field of its key; "" when it could, else what was wanted.
using Reader = std::function<std::string(absl::string_view value, DeviceConfig*)>;

bool ReadNumber(absl::string_view text, double* out) { return absl::SimpleAtod(text, out) && std::isfinite(*out); }

Reader Number(double DeviceConfig::*field, double least = 0) {
  return [=](absl::string_view value, DeviceConfig* to) -> std::string {
    return ReadNumber(value, &(to->*field)) && to->*field >= least ? "" : absl::StrCat("a number from ", least);
  };
}

Reader Count(uint64_t DeviceConfig::*field, uint64_t most = UINT64_MAX) {
  return [=](absl::string_view value, DeviceConfig* to) -> std::string {
    return absl::SimpleAtoi(value, &(to->*field)) && to->*field <= most ? "" : absl::StrCat("0 to ", most);
  };
}

// "512", "64KiB", "1.5GiB".
Reader Bytes(uint64_t DeviceConfig::*field) {
  return [=](absl::string_view value, DeviceConfig* to) -> std::string {
    double unit = 1, amount = 0;
    for (const auto& [suffix, bytes] : {std::pair("KiB", 0x1p10), {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}}) {
      if (absl::ConsumeSuffix(&value, suffix)) unit = bytes;
    }
    if (!ReadNumber(value, &amount) || amount < 0 || amount * unit > 0x1p60) return "bytes, as in 512, 64KiB or 1.5GiB";
    to->*field = static_cast<uint64_t>(amount * unit);
    return "";
  };
}

Reader Flag(bool DeviceConfig::*field) {
  return [=](absl::string_view value, DeviceConfig* to) -> std::string {
    to->*field = value == "1";
    return value == "0" || value == "1" ? "" : "0 or 1";
  };
}

Reader Text(std::string DeviceConfig::*field) {
  return [=](absl::string_view value, DeviceConfig* to) -> std::string {
    to->*field = std::string(value);
    return value.empty() ? "a text" : "";
  };
}

std::string ReadArithmetics(absl::string_view value, DeviceConfig* to) {
  to->arithmetics = absl::StrSplit(value, ',', absl::SkipWhitespace());
  return to->arithmetics.empty() ? "arithmetics, as in f32,int8/32" : "";
}

std::string ReadLayout(absl::string_view value, DeviceConfig* to) {
  to->kv_layout = std::string(value);
  return value == "kv.paged/1" || value == "kv.token_major/1" ? "" : "kv.paged/1 or kv.token_major/1";
}

std::string ReadStateFault(absl::string_view value, DeviceConfig* to) {
  to->state_fault = std::string(value);
  return value == "plain" || value == "swap" || value == "spill" || value == "border" ? ""
                                                                                      : "plain, swap, spill or border";
}

// "rope,linear:q4_k,*:q6_k".
std::string ReadRefusals(absl::string_view value, DeviceConfig* to) {
  to->refuse.clear();
  for (absl::string_view item : absl::StrSplit(value, ',', absl::SkipWhitespace())) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(item, absl::MaxSplits(':', 1));
    to->refuse.push_back({parts.first == "*" ? "" : std::string(parts.first), std::string(parts.second)});
    if (parts.first.empty() || absl::EndsWith(item, ":")) return "ops, as in rope,linear:q4_k,*:q6_k";
  }
  return "";
}

// "glu:1.01".
std::string ReadScales(absl::string_view value, DeviceConfig* to) {
  to->scale.clear();
  for (absl::string_view item : absl::StrSplit(value, ',', absl::SkipWhitespace())) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(item, absl::MaxSplits(':', 1));
    if (parts.first.empty() || !ReadNumber(parts.second, &to->scale[parts.first])) return "factors, as in glu:1.01";
  }
  return "";
}

const std::map<std::string, Reader>& Keys() {
  using D = DeviceConfig;
  static const auto* keys = new std::map<std::string, Reader>{
      {"name", Text(&D::name)},
      {"kind", Text(&D::kind)},
      {"kv_layout", ReadLayout},
      {"bandwidth", Number(&D::bandwidth)},
      {"flops", Number(&D::flops)},
      {"arithmetics", ReadArithmetics},
      {"launch", Number(&D::launch)},
      {"submit", Number(&D::submit)},
      {"copy_bandwidth", Number(&D::copy_bandwidth)},
      {"copy_latency", Number(&D::copy_latency)},
      {"memory", Bytes(&D::memory)},
      {"max_buffer", Bytes(&D::max_buffer)},
      {"max_partition_ops", Count(&D::max_partition_ops, UINT32_MAX)},
      {"trace_events", Count(&D::trace_events)},
      {"ns_per_tick", Number(&D::ns_per_tick, 1e-6)},
      {"clock_offset", Number(&D::clock_offset)},
      {"clock_drift", Number(&D::clock_drift, -0.5)},
      {"async", Flag(&D::async)},
      {"shares_host_cores", Flag(&D::shares_host_cores)},
      {"host_memory", Flag(&D::host_memory)},
      {"refuse", ReadRefusals},
      {"scale", ReadScales},
      {"lose_after", Count(&D::lose_after)},
      {"state_moves", Flag(&D::state_moves)},
      {"corrupt_import", Count(&D::corrupt_import)},
      {"state_fault", ReadStateFault},
  };
  return *keys;
}

std::string ReadDevice(absl::string_view key, absl::string_view value, DeviceConfig* to) {
  if (absl::ConsumePrefix(&key, "flops.")) {
    return ReadNumber(value, &to->flops_in[std::string(key)]) && to->flops_in[std::string(key)] >= 0
               ? ""
               : "a number from 0";
  }
  const auto found = Keys().find(std::string(key));
  return found == Keys().end() ? "one of the keys in tests/emulators/sim/README.md" : found->second(value, to);
}

struct Item {
  absl::string_view text, key, value;
  size_t device = SIZE_MAX;  // all
};

// "1.memory=1GiB" and "memory=1GiB"; "" or what was wanted.
std::string Split(absl::string_view text, Item* item) {
  const size_t equals = text.find('=');
  if (equals == absl::string_view::npos) return "key=value";
  *item = {text, absl::StripAsciiWhitespace(text.substr(0, equals)),
           absl::StripAsciiWhitespace(text.substr(equals + 1))};
  const size_t dot = item->key.find('.');
  size_t device = 0;
  if (dot == absl::string_view::npos || !absl::SimpleAtoi(item->key.substr(0, dot), &device)) return "";
  item->device = device;
  item->key.remove_prefix(dot + 1);
  return "";
}

// What concerns all devices; false: it is a key of a device. `problem` receives what was wanted.
bool ReadGlobal(const Item& item, Config* config, std::string* problem) {
  if (item.device != SIZE_MAX) return false;
  if (item.key == "clock") {
    config->virtual_clock = item.value == "virtual";
    if (item.value != "virtual" && item.value != "real") *problem = "real or virtual";
    return true;
  }
  if (item.key == "starts") {
    config->starts = std::string(item.value);
    return true;
  }
  if (item.key != "devices") return false;
  constexpr uint32_t kMost = 64;
  uint32_t count = 0;
  if (!absl::SimpleAtoi(item.value, &count) || count > kMost) *problem = absl::StrCat("0 to ", kMost);
  config->devices.resize(problem->empty() ? count : 1);
  return true;
}

sdk::Status Bad(size_t index, absl::string_view text, const std::string& wanted) {
  return sdk::Error(CONCORD_UNAVAILABLE, kVariable, ", item ", index + 1, ": got '", std::string(text), "', want ",
                    wanted);
}

}  // namespace

double DeviceConfig::FlopsIn(std::string_view arithmetic) const {
  const auto found = flops_in.find(std::string(arithmetic));
  return found == flops_in.end() ? flops : found->second;
}

// Three passes, so that the order of items does not matter: how many devices, what all have, what each has.
sdk::Result<Config> Config::Parse(std::string_view text) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(absl::string_view(text.data(), text.size()), absl::ByAnyChar(";\n"));
  std::vector<std::pair<size_t, Item>> items;
  Config config;
  for (size_t i = 0; i < parts.size(); ++i) {
    const absl::string_view part = absl::StripAsciiWhitespace(parts[i]);
    if (part.empty() || part[0] == '#') continue;
    Item item;
    std::string problem = Split(part, &item);
    if (problem.empty() && !ReadGlobal(item, &config, &problem)) items.emplace_back(i, item);
    if (!problem.empty()) return Bad(i, part, problem);
  }
  for (const bool all : {true, false}) {
    for (const auto& [i, item] : items) {
      if ((item.device == SIZE_MAX) != all) continue;
      if (!all && item.device >= config.devices.size()) {
        return Bad(i, item.text, absl::StrCat("a device below devices=", config.devices.size()));
      }
      DeviceConfig checked;  // a bad item is bad, however many devices there are
      std::string problem = ReadDevice(item.key, item.value, &checked);
      if (!problem.empty()) return Bad(i, item.text, problem);
      for (size_t d = 0; d < config.devices.size(); ++d) {
        if (all || d == item.device) ReadDevice(item.key, item.value, &config.devices[d]);
      }
    }
  }
  return config;
}

sdk::Result<Config> Config::FromEnvironment() {
  const char* value = std::getenv(kVariable);
  if (value == nullptr) return Config();
  if (value[0] != '@') return Parse(value);
  std::ifstream file(value + 1);
  std::stringstream text;
  text << file.rdbuf();
  if (!file)
    return sdk::Error(CONCORD_UNAVAILABLE, kVariable, ": cannot read ", value + 1, ", want a file of key=value lines");
  return Parse(text.str());
}

}  // namespace concord::sim
