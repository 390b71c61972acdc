#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/graph/cost.h"
#include "runtime/graph/graph.h"

namespace concord::graph {

// How fast a device is at one kind of work: it takes as long as its bytes or its arithmetic, whichever is longer. With
// its arithmetic goes what products have beside their operations: rows to be packed or quantised and results to be
// stored, a maximum and an exponential for each key. Wide models hide that, narrow ones consist of it.
struct Rate {
  double bytes_per_second = 0;  // 0: infinitely fast
  double flops_per_second = 0;
  double rows_per_second = 0;              // of states: short rows take as long as somewhat longer ones
  double activation_bytes_per_second = 0;  // beside the arithmetic of a product with weights; 0: takes no time
  double pairs_per_second = 0;             // of a query and a key, beside the arithmetic of attention; 0: take no time
  double cached_bytes_per_second = 0;      // while all that a step reads stays in the device's cache; 0: no faster then

  bool operator==(const Rate&) const = default;
};

// What placement and prediction know of a device: measured by a probe, or made up by a test. No handle of the device.
struct DeviceModel {
  std::string id;  // "vulkan:0"
  // By kind of work, "" for all that has no own: "linear", "linear/q4_k", "linear/q4_k/int8/32", "attention/f16". The
  // packing is that of the weight, or of the state; the longest key that fits counts. Of a packing that has none, that
  // of the packing with the nearest size counts, in the same arithmetic if there is one. A fused op is of the kind of
  // its first part, and the matrices of experts are linear's.
  std::map<std::string, Rate> rates;
  double cache_bytes = 0;            // what a step may read so that the next finds it in the device's cache; 0: nothing
  double op_seconds = 0;             // of each op beside its work: launching, waking threads
  double shared_op_seconds = 0;      // the same in steps of several tokens, whose ops threads share; 0: no more
  double submission_seconds = 0;     // of each program that runs: submitting it and waiting for it
  double copy_seconds = 0;           // of each copy between the device and the host beside its bytes
  double copy_bytes_per_second = 0;  // 0: buffers are host memory and nothing is copied
  int64_t free_bytes = -1;           // what may be resident; -1: unknown
  int64_t max_buffer_bytes = -1;     // -1: unknown
  bool host_memory = false;          // weights are used in the file where they lie
  bool shares_host_cores = false;    // two such devices never work at the same time: no overlap may be promised
  bool async = false;                // work goes on while the host does something else

  const Rate& RateOf(absl::string_view op, absl::string_view packing, absl::string_view arithmetic) const;
  // How long the node takes that has this cost. `arithmetic`: "f32", "int8/32". `step_bytes`: weights and states that
  // the whole step reads on this device.
  double Seconds(const Graph& graph, const Node& node, absl::string_view arithmetic, const NodeCost& cost,
                 double step_bytes = std::numeric_limits<double>::infinity()) const;
  // How long a step takes that runs the whole graph here. `arithmetic` is by node.
  double StepSeconds(const Graph& graph, const std::vector<std::string>& arithmetic, const GraphCost& cost) const;
  double CopySeconds(double bytes) const;

  bool operator==(const DeviceModel&) const = default;
};

}  // namespace concord::graph
