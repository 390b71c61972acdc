#include "runtime/exec/kv_windows.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "runtime/exec/paged_state.h"

namespace concord::exec {
namespace {

// Of a window: a bound on pinned memory (six windows), at which the bus is busy for some 50 times what it costs to
// submit a copy and to wait for it.
constexpr int64_t kWindowBytes = 4 << 20;

absl::StatusOr<std::map<std::string, KvBlockShape>> ShapesOf(const graph::Module& module) {
  std::map<std::string, KvBlockShape> shapes;
  for (const graph::StateGroup& group : module.state_groups) {
    for (const graph::ValueId id : group.states) {
      const graph::Value& value = module.main.value(id);
      CONCORD_ASSIGN_OR_RETURN(shapes[value.name], KvShapeOf(value.name, value.type));
    }
  }
  return shapes;
}

}  // namespace

KvWindows KvWindows::For(absl::Span<const Shapes> states, int64_t max_tokens) {
  // Whole blocks of both, as many as fit a window of the wider.
  int64_t unit_tokens = 1, unit_bytes = 1;
  for (const auto& [from, to] : states) {
    unit_tokens = std::lcm(unit_tokens, std::lcm(from.block_tokens, to.block_tokens));
  }
  for (const auto& [from, to] : states) {
    for (const KvBlockShape* shape : {&from, &to}) {
      unit_bytes = std::max(unit_bytes, shape->bytes() * (unit_tokens / shape->block_tokens));
    }
  }
  KvWindows windows = {.bytes = 1};
  windows.piece_tokens = std::min(std::max<int64_t>(kWindowBytes / unit_bytes, 1) * unit_tokens, max_tokens);
  for (const auto& [from, to] : states) {
    for (const KvBlockShape* shape : {&from, &to}) {
      const int64_t blocks = (windows.piece_tokens + shape->block_tokens - 1) / shape->block_tokens;
      windows.bytes = std::max(windows.bytes, shape->bytes() * blocks);
    }
  }
  return windows;
}

bool KvWindows::NeededOn(const hal::Device& device) {
  return !device.info().has(CONCORD_DEVICE_HOST_MEMORY) || KeepsOwnLayout(device);
}

absl::StatusOr<KvBlockShape> KvShapeOf(const std::string& name, const ops::TensorType& type) {
  if (type.layout != kNeutralLayout || type.rank() != 4) {
    return absl::UnimplementedError(absl::StrCat("the model keeps ", name, " as '", type.layout, "'; hand-over wants ",
                                                 kNeutralLayout, ": run the model on one device"));
  }
  return KvBlockShape{type.packing, type.dims[1].value, type.dims[2].value, type.dims[3].value};
}

absl::Status AddWindows(const KvSide& from, const KvSide& to, int64_t max_tokens, std::vector<DeviceMemory>* from_needs,
                        std::vector<DeviceMemory>* to_needs) {
  CONCORD_ASSIGN_OR_RETURN(const auto sources, ShapesOf(*from.module));
  CONCORD_ASSIGN_OR_RETURN(const auto targets, ShapesOf(*to.module));
  std::vector<KvWindows::Shapes> states;
  for (const auto& [name, shape] : sources) {
    if (const auto target = targets.find(name); target != targets.end()) states.emplace_back(shape, target->second);
  }
  const int64_t bytes = KvWindows::For(states, max_tokens).bytes;
  for (const auto& [side, needs] : {std::pair(&from, from_needs), std::pair(&to, to_needs)}) {
    for (size_t d = 0; d < side->devices->size(); ++d) {
      if (KvWindows::NeededOn(*(*side->devices)[d])) (*needs)[d].staging += KvWindows::CountOn(side == &to) * bytes;
    }
  }
  return absl::OkStatus();
}

}  // namespace concord::exec
