#pragma once

#include <utility>

#include "backends/sdk/sdk.h"

namespace concord::gpu {

// Makes the first variant of a kernel that the driver takes: with subgroup operations where the device has them, else
// without. `make(bool subgroups)` returns a Status, NOT_FOUND where the kernel has no such variant. A refusal is said
// once, since a kernel is made once.
template <typename Make>
sdk::Status MakeBestVariant(const sdk::Host& host, bool has_subgroups, Make&& make) {
  sdk::Status refused = sdk::Ok(), absent = sdk::Ok();
  for (const bool subgroups : {true, false}) {
    if (subgroups && !has_subgroups) continue;
    sdk::Status status = make(subgroups);
    if (status.ok()) {
      if (!refused.ok()) host.Log(CONCORD_LOG_WARNING, sdk::Cat(refused.message, "; its next variant is used"));
      return status;
    }
    sdk::Status& kept = status.code == CONCORD_NOT_FOUND ? absent : refused;
    if (kept.ok()) kept = std::move(status);
  }
  return refused.ok() ? absent : refused;
}

}  // namespace concord::gpu
