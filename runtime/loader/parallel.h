#pragma once

#include <cstdint>
#include <functional>

namespace concord::loader {

// Calls fn(i) for every i of [0, count) on the caller and on as many helpers as the process has cores; returns when all
// calls have. For disk reads and filling memory at load time; fn must not throw.
void ParallelFor(int64_t count, const std::function<void(int64_t)>& fn);

}  // namespace concord::loader
