#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/gpu/driver.h"
#include "backends/gpu/weights.h"
#include "backends/sdk/sdk.h"

namespace concord::gpu {

// A weight on the device: a matrix in parts as WeightLayout says; anything else as one array of f32, or as it came when
// its elements are integers.
class Constant final : public sdk::Constant {
 public:
  // INVALID_ARGUMENT what no kernel reads; RESOURCE_EXHAUSTED. Any thread; `host` lends its threads for the repacking.
  static sdk::Result<std::unique_ptr<sdk::Constant>> Make(Driver& driver, const sdk::Host& host,
                                                          const concord_constant_desc& desc);

  // As given, without the pointers that need not stay: `name` and `host_data`.
  const concord_constant_desc& desc() const { return desc_; }
  const WeightLayout& layout() const { return layout_; }
  uint32_t n_parts() const { return static_cast<uint32_t>(parts_.size()); }
  Buffer* part(uint32_t index) const { return parts_[index].get(); }

 private:
  Constant() = default;
  sdk::Status MakeMatrix(Driver& driver, const sdk::Host& host, const concord_constant_desc& desc);
  sdk::Status MakeArray(Driver& driver, const concord_constant_desc& desc);

  std::string packing_;
  concord_constant_desc desc_{};
  WeightLayout layout_;
  std::vector<std::unique_ptr<Buffer>> parts_;
};

}  // namespace concord::gpu
