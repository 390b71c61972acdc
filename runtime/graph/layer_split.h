#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace concord::graph {

// A model as a row of units (what comes before the layers, each layer, what comes after) to be cut into contiguous
// runs, at most one a device. Times are of one step; a unit is measured as each device would run it.
struct SplitProblem {
  struct Device {
    std::vector<double> seconds;  // by unit; infinity: it cannot compute it
    std::vector<double> bytes;    // by unit: resident weights and state
    double segment_seconds = 0;   // beside the units, if it has any: submitting, inputs
    double segment_bytes = 0;     // activations, buffers
    double cut_seconds = 0;       // to take a cut from the host, or give it there
    double free_bytes = -1;       // -1: unknown
    bool host_memory = false;     // such devices together have the least of their free_bytes
    bool host_cores = false;      // two such devices never work at the same time
  };
  std::vector<Device> devices;
  // Bytes that units share: counted once in a run that has both.
  struct Shared {
    size_t first_unit = 0, second_unit = 0;
    std::vector<double> bytes;  // by device
  };
  std::vector<Shared> shared;
  int64_t pieces = 1;  // that go through one behind the other
};

struct LayerSplit {
  std::vector<int32_t> device_of_unit;
  double seconds = 0;
  int32_t devices = 0;  // how many it uses

  bool operator==(const LayerSplit&) const = default;
};

// The fastest split that fits for each number of devices from one up, where there is one; `max_devices` at most.
// Exhaustive over the orders of devices and the places of cuts: for the layers of a model and up to four devices that
// is less work than compiling one of them.
std::vector<LayerSplit> BestSplits(const SplitProblem& problem, int32_t max_devices = 3);

// The time and the memory of one assignment; BestSplits minimises the one where the other fits.
double SecondsOf(const SplitProblem& problem, const std::vector<int32_t>& device_of_unit);
bool Fits(const SplitProblem& problem, const std::vector<int32_t>& device_of_unit);

}  // namespace concord::graph
