#pragma once

#include "backends/gpu/ops/launches.h"

namespace concord::gpu {

// A norm of rows by kernels/gpu/norm.kernel; values that it has not are CONCORD_NONE.
struct Norm {
  enum class Kind : uint32_t { kRms, kL2, kLayer };

  Kind kind;
  double eps = 0;
  uint32_t weight = CONCORD_NONE, bias = CONCORD_NONE;
  double weight_offset = 0;
  uint32_t addend = CONCORD_NONE, sum = CONCORD_NONE;  // x + addend, which is kept and normed

  sdk::Result<bool> Add(LaunchBuilder& builder, const sdk::Value& x, uint32_t y) const {
    const auto has = [](uint32_t value) { return uint32_t{value != CONCORD_NONE}; };
    const auto in = [&](uint32_t value) { return Arg::In(has(value) ? value : x.index); };
    const int64_t width = x.dim(-1).value;
    const Size rows = Size::Elems(x, 0, x.rank() - 1);
    Launch launch;
    launch.kernel = {"norm",
                     {{"WG", WorkgroupFor(builder.limits(), width / 4, 256)},
                      {"KIND", static_cast<uint32_t>(kind)},
                      {"HAS_ADDEND", has(addend)},
                      {"HAS_WEIGHT", has(weight)},
                      {"HAS_BIAS", has(bias)}}};
    launch.args = {Arg::In(x.index), in(addend), in(weight), in(bias), Arg::Out(has(sum) ? sum : y), Arg::Out(y)};
    launch.words = {Word::Of(rows), Word::U(width), Word::F(eps), Word::F(weight_offset)};
    launch.groups = rows;
    builder.Add(std::move(launch));
    return true;
  }
};

}  // namespace concord::gpu
