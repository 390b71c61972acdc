#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ops/core/attrs.h"
#include "ops/core/tensor_view.h"
#include "runtime/base/status.h"

namespace concord::ops {

// Seeded, the same on every host (splitmix64): test inputs must be repeatable anywhere.
class CaseRng {
 public:
  explicit CaseRng(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  double Uniform(double low, double high);  // [low, high)
  int64_t Int(int64_t low, int64_t high);   // [low, high]

 private:
  uint64_t state_;
};

using Fill = std::function<void(CaseRng&, const TensorView&)>;

// The default fill: uniform in [-1, 1) for float types, random valid blocks for quantised ones, 0 for integers.
void FillUniform(CaseRng& rng, const TensorView& view);

struct CaseTensor {
  std::string slot;
  std::string packing;
  std::vector<int64_t> dims;
  Fill fill = FillUniform;
};

// One test of an op: concrete inputs (also state, which is compared after the run) and attributes. Outputs follow from
// the op's shape rule. Every backend, the vendor suite and the micro-benchmarks run the same cases.
struct OpCase {
  std::string op;
  std::string name;  // unique within the op; the seed is a hash of "op/name"
  Attrs attrs;
  std::vector<CaseTensor> inputs;
  std::string arithmetic = "f32";
  std::string layout;  // layout of the state inputs

  const CaseTensor* Find(absl::string_view slot) const;
  int64_t dim(absl::string_view slot, int i) const;  // negative from the end; 1 where the slot is absent
  std::string full_name() const { return op + "/" + name; }
  uint64_t seed() const;  // FNV-1a of full_name()
};

}  // namespace concord::ops
