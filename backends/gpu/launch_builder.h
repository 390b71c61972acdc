#pragma once

#include <map>
#include <utility>
#include <vector>

#include "backends/gpu/launch.h"
#include "backends/gpu/weights.h"

namespace concord::gpu {

// What a device can do, as far as the launches depend on it.
struct Limits {
  uint32_t max_workgroup = 256;                    // invocations
  uint32_t shared_bytes = 32 << 10;                // of a workgroup
  uint32_t subgroup_size = 1;                      // 1: no subgroup operations
  bool has_fp16 = false;                           // arithmetic of halves
  uint64_t max_range_bytes = uint64_t{128} << 20;  // of what one buffer of a kernel is bound to
  // Of a part of a matrix: no more than max_range_bytes, nor than repacking may cost in host memory.
  uint64_t max_part_bytes = uint64_t{128} << 20;
};

// The launches of a program, in its ops' order.
class LaunchBuilder {
 public:
  explicit LaunchBuilder(const Limits& limits) : limits_(limits) {}

  const Limits& limits() const { return limits_; }
  // How a constant of rank 2 lies on the device.
  WeightLayout Layout(const sdk::Value& w) const {
    return WeightLayout::Make(*FindFormat(w.packing()), w.fixed(0), w.fixed(1), limits_.max_part_bytes);
  }

  void BeginOp(uint32_t op_index) { op_index_ = op_index; }
  void Add(Launch launch) {
    launch.op_index = op_index_;
    launches_.push_back(std::move(launch));
  }
  // Memory between the launches of one op; its contents are lost at the next op.
  uint32_t NewScratch(Size bytes) {
    scratch_.push_back({std::move(bytes), op_index_, op_index_});
    return static_cast<uint32_t>(scratch_.size() - 1);
  }
  // Scratch with another form of `x`, which make(scratch) launches for the first op that asks; kept to the last op that
  // does. State may change from op to op, and is made anew for each.
  template <typename Make>
  uint32_t SharedScratch(const sdk::Value& x, Size bytes, Make&& make) {
    const auto [found, first] = forms_.try_emplace(x.index, 0);
    if (first || x.desc.role == CONCORD_ROLE_STATE) {
      found->second = NewScratch(std::move(bytes));
      make(found->second);
    }
    scratch_[found->second].last_op = op_index_;
    return found->second;
  }

  struct Scratch {
    Size bytes;
    uint32_t first_op, last_op;
  };
  std::vector<Launch>& launches() { return launches_; }
  const std::vector<Scratch>& scratch() const { return scratch_; }

 private:
  Limits limits_;
  uint32_t op_index_ = 0;
  std::vector<Launch> launches_;
  std::vector<Scratch> scratch_;
  std::map<uint32_t, uint32_t> forms_;  // of values: SharedScratch
};

}  // namespace concord::gpu
