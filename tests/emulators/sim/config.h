#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "backends/sdk/status.h"

namespace concord::sim {

// An op that a device refuses, or whose outputs it scales. Empty: any.
struct OpPattern {
  std::string op;
  std::string packing;  // of one of its inputs

  bool operator==(const OpPattern&) const = default;
};

// What one simulated device is like. README.md says what the keys mean; rates are per second, times in seconds.
struct DeviceConfig {
  std::string name = "simulated device";
  std::string kind = "gpu";
  std::string kv_layout = "kv.paged/1";
  double bandwidth = 100e9;                // of its memory; 0, here and below: infinitely fast
  double flops = 10e12;                    // in an arithmetic that has no rate of its own
  std::map<std::string, double> flops_in;  // by arithmetic
  std::vector<std::string> arithmetics = {"f32", "int8/32"};
  double launch = 5e-6;   // an op
  double submit = 20e-6;  // a submission
  double copy_bandwidth = 20e9;
  double copy_latency = 10e-6;
  uint64_t memory = uint64_t{16} << 30;  // bytes of buffers and constants
  uint64_t max_buffer = uint64_t{1} << 40;
  uint64_t max_partition_ops = UINT32_MAX;
  uint64_t trace_events = 1 << 16;  // that are kept until they are fetched
  double ns_per_tick = 1;           // of its clock, as it says
  double clock_offset = 0;          // ticks at time 0
  double clock_drift = 0;           // how much faster it really goes: 50e-6 is 50 ppm
  bool async = true;
  bool shares_host_cores = false;
  bool host_memory = false;
  std::vector<OpPattern> refuse;
  std::map<std::string, double> scale;  // factor by op
  uint64_t lose_after = UINT64_MAX;     // submissions until the device is lost
  bool state_moves = true;              // exports and imports state of its own layout
  uint64_t corrupt_import = 0;          // the how manieth import comes out wrong; 0: none
  std::string state_fault;              // what is wrong with state: README.md; "": nothing

  bool own_layout() const { return kv_layout != "kv.paged/1"; }
  double FlopsIn(std::string_view arithmetic) const;
};

struct Config {
  bool virtual_clock = true;
  std::string starts;  // a file that gets a line for every instance; "": none
  std::vector<DeviceConfig> devices = {DeviceConfig{}};

  // `text`: "devices=2; bandwidth=100e9; 1.memory=1GiB". UNAVAILABLE with what, where, got and wanted.
  static sdk::Result<Config> Parse(std::string_view text);
  // From CONCORD_SIM: the text, or "@" and the path of a file that holds it; the defaults when it is not set.
  static sdk::Result<Config> FromEnvironment();
};

}  // namespace concord::sim
