#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "runtime/graph/cost.h"
#include "runtime/graph/graph.h"

namespace concord::graph {

// How fast a device is at one kind of work: it takes as long as its bytes or its arithmetic, whichever is longer.
struct Rate {
  double bytes_per_second = 0;  // 0: infinitely fast
  double flops_per_second = 0;

  bool operator==(const Rate&) const = default;
};

// What placement and prediction know of a device: measured by a probe, or made up by a test. No handle of the device.
struct DeviceModel {
  std::string id;  // "vulkan:0"
  // By kind of work, "" for all that has no own: "linear", "linear/q4_k", "linear/q4_k/int8/32", "attention/f16". The
  // packing is that of the weight, or of the state; the longest key that fits counts.
  std::map<std::string, Rate> rates;
  double op_seconds = 0;             // of each op beside its work: launching, waking threads
  double submission_seconds = 0;     // of each program that runs: submitting it and waiting for it
  double copy_seconds = 0;           // of each copy between the device and the host beside its bytes
  double copy_bytes_per_second = 0;  // 0: buffers are host memory and nothing is copied
  int64_t free_bytes = -1;           // what may be resident; -1: unknown
  int64_t max_buffer_bytes = -1;     // -1: unknown
  bool host_memory = false;          // weights are used in the file where they lie
  bool shares_host_cores = false;    // two such devices never work at the same time: no overlap may be promised
  bool async = false;                // work goes on while the host does something else

  const Rate& RateOf(absl::string_view op, absl::string_view packing, absl::string_view arithmetic) const;
  // How long the node takes that has this cost. `arithmetic`: "f32", "int8/32".
  double Seconds(const Graph& graph, const Node& node, absl::string_view arithmetic, const NodeCost& cost) const;
  double CopySeconds(double bytes) const;

  bool operator==(const DeviceModel&) const = default;
};

}  // namespace concord::graph
