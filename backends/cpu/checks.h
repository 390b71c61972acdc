#pragma once

#include <string>
#include <string_view>

#include "backends/sdk/checks.h"
#include "runtime/base/packing/packing.h"

namespace concord::cpu {

// What the CPU's kernels take: sdk::Checks by its rules.
class Checks : public sdk::Checks {
 public:
  explicit Checks(const sdk::Op& op)
      : sdk::Checks(
            op, {"on the CPU", {"f32", "int8/32", "int8/256", "bf16", "f16"}, &Decodes, /*matrices_are_arrays=*/true}) {
  }

  static bool Decodable(const sdk::Value& v) { return Decodes(v.packing()); }

 private:
  static bool Decodes(std::string_view packing) { return packing::Find(std::string(packing).c_str()) != nullptr; }
};

}  // namespace concord::cpu
