#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/graph/module.h"
#include "runtime/hal/constant.h"
#include "runtime/hal/device.h"
#include "runtime/loader/model_source.h"

namespace concord::exec {

// The weights of a model on one device: the parts of the model that run there share them. What the file holds as the
// graph wants it is used where it lies (mapped, no copy); the rest (vectors that become f32, transposed matrices,
// tables computed at load, matrices in a packing that the device does not take) is made here: kept where the device
// works on host memory, else dropped as soon as the device has its copy, so that loading takes the memory of one
// tensor.
//
// What devices repack is not kept on disk. Measured on a Xeon core (2026-11), per GB of the file: reading it takes 0.11
// s from the page cache and 0.5 s from the disk, repacking for the GPUs 0.25 s (q4_k) to 0.65 s (q6_k), less with every
// core; a packed copy would double what a model takes on disk and save less than reading it from there costs. On two
// Zen 4 cores with software GPUs (2026-11) 0.8 GB of q4_k_m take 1.0 s to load, of which at most 0.15 s are repacking
// and most is fresh memory on either side of the copy; q8_0, which is nearly all copied, loads no faster a byte. Nor
// are compiled programs: no plugin gives an artefact (program_serialize); kernels are kept by the plugins that compile
// them.
class Weights {
 public:
  explicit Weights(std::shared_ptr<const hal::Device> device) : device_(std::move(device)) {}

  // Puts those of `module` on the device that are not there yet. `source` outlives this. Errors name the tensor.
  // `done` counts bytes of the file.
  absl::Status Load(const loader::ModelSource& source, const graph::Module& module, Progress* done,
                    const ProgressFn& progress);

  // The constant of a weight of a module that was loaded.
  const hal::Constant& at(const graph::Value& weight) const { return weights_.at(Key(weight)).constant; }
  int64_t mapped_bytes() const { return mapped_bytes_; }  // used in place
  int64_t made_bytes() const { return made_bytes_; }      // in memory of our own, or copied to the device

 private:
  struct Stored {
    std::vector<std::byte> made;  // what the constant points to; empty where it is in the file or on the device
    hal::Constant constant;
  };
  // Parts may want one weight in several packings: as it is in the file, and decoded for an op that refuses that.
  static std::string Key(const graph::Value& weight) {
    return absl::StrCat(weight.name, "/", weight.type.packing->name);
  }

  std::shared_ptr<const hal::Device> device_;
  std::map<std::string, Stored> weights_;
  int64_t mapped_bytes_ = 0;
  int64_t made_bytes_ = 0;
};

// Whether a weight is used where it lies in the file: the same type, nothing to change.
bool UsedInPlace(const graph::WeightSource& from, const loader::Tensor& tensor, const ops::TensorType& want);

// Rows [begin, begin + count) of the first dim of a weight (of a vector: elements), as `type`, its type, wants them.
// All of it, or rows of a vector or matrix.
absl::StatusOr<std::vector<std::byte>> ReadRows(const loader::ModelSource& source, const graph::WeightSource& from,
                                                const ops::TensorType& type, int64_t begin, int64_t count);

// The form of the border of a weight whose bytes lie at `data` and stay there. Points into `type` and `name`.
concord_constant_desc DescribeConstant(const ops::TensorType& type, const std::string& name, const void* data,
                                       int64_t bytes);

// InvalidArgument when a decoded element is not finite.
absl::Status CheckFinite(const std::string& name, const packing::Packing& packing, const std::byte* data,
                         int64_t elems);

}  // namespace concord::exec
