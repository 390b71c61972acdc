#pragma once

#include <cstdint>
#include <utility>

#include "backends/sdk/sdk.h"

namespace concord::gpu {

// What kernels use where the device has it: bits of a variant, each a macro that its text is compiled with.
// cmake/ConcordGpuKernels.cmake finds out which of them a kernel has a use for.
enum KernelFeature : uint32_t {
  kSubgroups = 1,  // SUBGROUPS: reductions over a subgroup
  kInt8Dot = 2,    // INT8_DOT: the dot product of two times four int8
  kFp16 = 4,       // FP16: arithmetic of halves
};

// Makes the first variant of a kernel that the driver takes, from all that the device has down to the plain one.
// `make(uint32_t features)` returns a Status, NOT_FOUND where the kernel has no such variant. A refusal is said once,
// since a kernel is made once.
template <typename Make>
sdk::Status MakeBestVariant(const sdk::Host& host, uint32_t device_features, Make&& make) {
  sdk::Status refused = sdk::Ok(), absent = sdk::Ok();
  for (uint32_t features = device_features;; features = (features - 1) & device_features) {  // every subset
    sdk::Status status = make(features);
    if (status.ok()) {
      if (!refused.ok()) host.Log(CONCORD_LOG_WARNING, sdk::Cat(refused.message, "; its next variant is used"));
      return status;
    }
    sdk::Status& kept = status.code == CONCORD_NOT_FOUND ? absent : refused;
    if (kept.ok()) kept = std::move(status);
    if (features == 0) break;
  }
  return refused.ok() ? absent : refused;
}

}  // namespace concord::gpu
