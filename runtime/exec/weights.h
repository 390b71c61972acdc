#pragma once

#include <memory>
#include <vector>

#include "runtime/graph/module.h"
#include "runtime/hal/constant.h"
#include "runtime/hal/device.h"
#include "runtime/loader/model_source.h"

namespace concord::exec {

// The weights of a module on a device. What the file holds as the graph wants it is used where it lies (mapped, no
// copy); the rest (vectors that become f32, transposed matrices, tables computed at load, matrices in a packing that
// the device does not take) is made here: kept where the device works on host memory, else dropped as soon as the
// device has its copy, so that loading takes the memory of one tensor.
class Weights {
 public:
  // `source` outlives this. Errors name the tensor. `progress` sees bytes of weights.
  static absl::StatusOr<Weights> Load(const loader::ModelSource& source, const graph::Module& module,
                                      const hal::Device& device, const ProgressFn& progress);

  // The constant of a weight value; the value must be one of the module's.
  const hal::Constant& at(graph::ValueId value) const { return constants_[value]; }
  int64_t mapped_bytes() const { return mapped_bytes_; }  // used in place
  int64_t made_bytes() const { return made_bytes_; }      // in memory of our own, or copied to the device

 private:
  std::vector<std::vector<std::byte>> made_;
  std::vector<hal::Constant> constants_;  // by value id; empty for other values
  int64_t mapped_bytes_ = 0;
  int64_t made_bytes_ = 0;
};

// Whether a weight is used where it lies in the file: the same type, nothing to change.
bool UsedInPlace(const graph::WeightSource& from, const loader::Tensor& tensor, const ops::TensorType& want);

// The form of the border of a weight whose bytes lie at `data` and stay there. Points into `type` and `name`.
concord_constant_desc DescribeConstant(const ops::TensorType& type, const std::string& name, const void* data,
                                       int64_t bytes);

// InvalidArgument when a decoded element is not finite.
absl::Status CheckFinite(const std::string& name, const packing::Packing& packing, const std::byte* data,
                         int64_t elems);

}  // namespace concord::exec
