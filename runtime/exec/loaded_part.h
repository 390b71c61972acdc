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

}  // namespace concord::exec
