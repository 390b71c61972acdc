#pragma once

#include <string>
#include <vector>

#include "runtime/base/packing/packing.h"
#include "runtime/base/status.h"
#include "runtime/loader/gguf_writer.h"
#include "runtime/loader/synthetic_shapes.h"

namespace concord::loader {

struct SyntheticTensor {
  std::string name;
  const packing::Packing* type;
  std::vector<int64_t> dims;  // outermost first
  bool ones;                  // a norm's scale: all 1
};

// The settings and vocabulary of a model of that shape: the 256 symbols of byte-level BPE, then filler tokens that no
// text yields, then <|endoftext|>.
void SetSyntheticMetadata(const SyntheticShape& shape, const std::string& name, GgufWriter* writer);

// Its tensors. `type` is a packing or "q4_k_m", which mixes q4_k with q6_k as quantisers do. Where a width does not
// fill whole blocks the tensor is q8_0, else f16.
absl::StatusOr<std::vector<SyntheticTensor>> PlanSyntheticTensors(const SyntheticShape& shape, const std::string& type);

}  // namespace concord::loader
