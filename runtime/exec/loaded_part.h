#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/exec/decoded_weights.h"
#include "runtime/exec/weights.h"
#include "runtime/graph/lower.h"
#include "runtime/graph/module.h"
#include "runtime/hal/device.h"
#include "runtime/hal/program.h"

namespace concord::exec {

// What one device computes of a model, ready to be prepared. Immutable once loaded. Stays where it is: the program is
// described in terms of the module.
struct LoadedPart {
  size_t device_index = 0;  // in LoadedModel::devices()
  std::shared_ptr<hal::Device> device;
  graph::Module module;  // as the device runs it: fused, weights in the types that it takes
  std::optional<graph::LoweredProgram> lowered;
  std::vector<std::string> arithmetic;  // by node
  std::vector<DecodedWeight> decoded;
  std::shared_ptr<Weights> weights;  // of all parts on the device
  hal::Program program;
  bool moved = false;  // all of it was wished for another device, which refused it
};

using Parts = std::vector<std::unique_ptr<LoadedPart>>;  // in the order in which they run

inline std::vector<const LoadedPart*> Pointers(const Parts& parts) {
  std::vector<const LoadedPart*> pointers;
  for (const auto& part : parts) pointers.push_back(part.get());
  return pointers;
}

inline std::vector<const LoadedPart*> PartsOn(size_t device_index, const std::vector<const LoadedPart*>& parts) {
  std::vector<const LoadedPart*> here;
  for (const LoadedPart* part : parts) {
    if (part->device_index == device_index) here.push_back(part);
  }
  return here;
}

}  // namespace concord::exec
