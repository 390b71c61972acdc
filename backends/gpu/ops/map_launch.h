#pragma once

#include "backends/gpu/ops/launches.h"

namespace concord::gpu {

// Functions of kernels/gpu/map.kernel.
enum class Map : uint32_t { kExp, kGeluTanh, kRelu, kSigmoid, kSilu, kSoftplus, kSqrt, kTanh, kScale, kSoftcap };

// y = f(x), elementwise.
inline sdk::Result<bool> AddMap(LaunchBuilder& builder, Map kind, const sdk::Value& x, uint32_t y, double p = 0,
                                double q = 0) {
  builder.Add(FlatLaunch(builder, "map", {{"KIND", static_cast<uint32_t>(kind)}}, {Arg::In(x.index), Arg::Out(y)},
                         Size::Elems(x), {Word::F(p), Word::F(q)}));
  return true;
}

}  // namespace concord::gpu
