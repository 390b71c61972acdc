#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "backends/gpu/weights.h"
#include "backends/sdk/checks.h"
#include "runtime/base/packing/packing.h"

namespace concord::gpu {

// What the kernels of kernels/gpu take, on every device alike: sdk::Checks by their rules.
class Checks : public sdk::Checks {
 public:
  explicit Checks(const sdk::Op& op, std::initializer_list<std::string_view> arithmetics = {"f32"})
      : sdk::Checks(op, {"on this GPU", arithmetics, &Decodes, /*matrices_are_arrays=*/false}) {}

  // A matrix that the device has rewritten for the kernels.
  void Weights(uint32_t slot) {
    const sdk::Value v = op().input(slot);
    const WeightFormat* format = FindFormat(v.packing());
    if (!Matrix(v) || v.fixed(0) < 0 || v.fixed(1) < 0) {
      Fail("weights that are no constant matrix");
    } else if (format == nullptr) {
      Fail("weights of type ", v.packing());
    } else if (v.fixed(1) % format->block_elems != 0) {
      Fail("rows of ", v.fixed(1), " elements of ", v.packing());
    } else if ((op().arithmetic() == "int8/32" && !format->int8()) ||
               (op().arithmetic() == "f16" && !format->has_f16)) {
      Fail("weights of type ", v.packing(), " with arithmetic ", op().arithmetic());
    }
  }

 private:
  static bool Decodes(std::string_view packing) { return packing::Find(std::string(packing).c_str()) != nullptr; }
};

}  // namespace concord::gpu
