#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "backends/sdk/sdk.h"

// What an op becomes on a GPU, whichever language its kernels are in: launches of kernels, as data. A backend compiles
// the kernels, records the launches and knows nothing of ops.
namespace concord::gpu {

// A number that is known when the sizes of a step are: ceil(factor · Π dims / divisor).
struct Size {
  int64_t factor = 1;
  std::vector<concord_dim> dims;
  int64_t divisor = 1;

  static Size Of(int64_t value) { return {value, {}, 1}; }
  // Elements of a value, or of its dims [first, last).
  static Size Elems(const sdk::Value& v, uint32_t first = 0, uint32_t last = CONCORD_MAX_RANK) {
    Size size;
    for (uint32_t d = first; d < v.rank() && d < last; ++d) size.dims.push_back(v.desc.dims[d]);
    return size;
  }
  Size Times(int64_t by) const { return {factor * by, dims, divisor}; }
  Size DividedBy(int64_t by) const { return {factor, dims, divisor * by}; }  // rounded up
};

// A kernel and what it is specialised by: constants in the order of its SPECS, the first always WG, the number of
// invocations of a workgroup (a power of two).
struct KernelKey {
  struct Constant {
    const char* name;
    uint32_t value;
    bool operator==(const Constant& other) const { return value == other.value && !std::strcmp(name, other.name); }
  };

  std::string name;  // "norm", "linear_vec.q4_k"
  std::vector<Constant> constants;

  bool operator==(const KernelKey& other) const { return name == other.name && constants == other.constants; }
};

// What one buffer of a kernel is bound to.
struct Arg {
  enum class Kind { kValue, kWeights, kScratch };

  Kind kind = Kind::kValue;
  uint32_t index = 0;  // value of the program; or scratch of LaunchBuilder
  uint32_t part = 0;   // kWeights: which part of the constant
  bool write = false;

  static Arg In(uint32_t value) { return {Kind::kValue, value, 0, false}; }
  static Arg Out(uint32_t value) { return {Kind::kValue, value, 0, true}; }
  static Arg Weights(uint32_t value, uint32_t part) { return {Kind::kWeights, value, part, false}; }
  static Arg ReadScratch(uint32_t scratch) { return {Kind::kScratch, scratch, 0, false}; }
  static Arg WriteScratch(uint32_t scratch) { return {Kind::kScratch, scratch, 0, true}; }
};

// One 32-bit parameter of a kernel, in the order of its PARAMS: bits, or a size of the step.
struct Word {
  uint32_t bits = 0;
  bool varies = false;
  Size size;

  static Word U(int64_t value) { return {static_cast<uint32_t>(value), false, {}}; }
  static Word F(double value) {
    const auto f = static_cast<float>(value);
    Word word;
    std::memcpy(&word.bits, &f, 4);
    return word;
  }
  static Word Of(Size size) { return {0, true, std::move(size)}; }
};

// Launches whose condition a step does not meet are left out of it.
struct Condition {
  Size size;  // the default, 1, is always within
  int64_t at_least = 1;
  int64_t at_most = INT64_MAX;
};

struct Launch {
  KernelKey kernel;
  std::vector<Arg> args;
  std::vector<Word> words;        // at most 32
  Size groups;                    // workgroups; 0: nothing to do
  Size layers = Size::Of(1);      // a second dim of the grid, at most 65535
  std::vector<Condition> when{};  // all must hold
  uint32_t op_index = 0;          // set by LaunchBuilder's owner, for messages
};

}  // namespace concord::gpu
