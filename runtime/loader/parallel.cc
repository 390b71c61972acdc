#include "runtime/loader/parallel.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime/base/task_arena.h"

namespace concord::loader {

void ParallelFor(int64_t count, const std::function<void(int64_t)>& fn) {
  constexpr int64_t kMaxThreads = 32;  // memory and disks are saturated by then
  const int64_t cores = TaskArena::DefaultThreads();
  std::atomic<int64_t> next{0};
  const auto work = [&] {
    for (int64_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) fn(i);
  };
  std::vector<std::thread> helpers;
  helpers.reserve(kMaxThreads);
  try {
    for (int64_t i = 1; i < std::min({count, cores, kMaxThreads}); ++i) helpers.emplace_back(work);
  } catch (const std::system_error&) {
    // No more threads to be had: those that exist, and the caller, do the work.
  }
  work();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace concord::loader
