#pragma once

#include "runtime/exec/cut_node.h"

namespace concord::exec {

struct NodeCheck {
  int64_t most_rows = INT64_MAX;  // of matrices, that the reference looks at
  // Whether inputs are as the model makes them, and not drawn at random. The tolerances of ops are derived for terms
  // that are alike; where a few dominate, or cancel, a result is as good as its inputs are: then what a change of each
  // by a few units of rounding does to it is allowed as well.
  bool real_inputs = false;
  double tolerance = 0;  // more than the op's
};

// Holds what a node of a trial made of what it read, both as they were on the device, against the float64 reference.
// DataLoss: "y: 12 of 195 elements are wrong; the first: ...".
absl::Status CheckNode(const Trial& trial, const ValueBytes& made, const loader::ModelSource& source, int32_t node,
                       const NodeCheck& check);

// For a device that keeps states in a layout that only it can read: puts into `made` what the reference makes of the
// states that a node writes. What reads them tells whether the device has them right.
absl::Status TakeStates(const Trial& trial, const loader::ModelSource& source, int32_t node, ValueBytes* made);

// What the op allows at these sizes, relative to the largest element.
double ToleranceOf(const Trial& trial, int32_t node);

}  // namespace concord::exec
