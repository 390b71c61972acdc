#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "backends/gpu/launch_builder.h"

// Launches of shapes that several ops have.
namespace concord::gpu {

inline int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Invocations of a workgroup for `work` that they share: no more than `most`, and a subgroup of most GPUs at least.
inline uint32_t WorkgroupFor(const Limits& limits, int64_t work, uint32_t most) {
  uint32_t size = 32;
  while (size < most && size < work) size *= 2;
  while (size > limits.max_workgroup) size /= 2;
  return size;
}

// An invocation each of `n`, the kernel's first parameter.
inline Launch FlatLaunch(const LaunchBuilder& builder, std::string kernel, std::vector<KernelKey::Constant> constants,
                         std::vector<Arg> args, const Size& n, std::vector<Word> words) {
  const uint32_t wg = WorkgroupFor(builder.limits(), INT64_MAX, 256);
  constants.insert(constants.begin(), {"WG", wg});
  words.insert(words.begin(), Word::Of(n));
  Launch launch;
  launch.kernel = {std::move(kernel), std::move(constants)};
  launch.args = std::move(args);
  launch.words = std::move(words);
  launch.groups = n.DividedBy(wg);
  return launch;
}

}  // namespace concord::gpu
