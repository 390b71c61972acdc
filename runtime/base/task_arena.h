#pragma once

#include <cstdint>
#include <memory>

namespace concord {

// The threads that compute: the caller of ParallelRun and as many helpers as the user allows. The only place that
// names the threading library.
//
// A run is published in one atomic word. Helpers that are awake join it within 0.3 us; after a run they look for the
// next one for 50 us and only then leave. From then on the next run has to wake one: 55-75 us (median, oneTBB 2021.8 on
// two Zen 4 cores; 40-70 us with plain threads and a futex), during which the caller works on alone. A decoding step
// takes milliseconds, so oneTBB's wake-up costs at most a hundredth of it.
class TaskArena {
 public:
  struct Options {
    uint32_t threads = 0;    // the caller included; 0 = DefaultThreads()
    bool pin_cores = false;  // each helper on a core of its own, out of those that the process may use
  };
  // Called with the `arg` of the run, a number below max_workers that no other concurrent call has (0 is the caller),
  // and the NUMA node it runs on (-1: unknown). Must not throw.
  using Worker = void(void* arg, uint32_t worker, int32_t numa_node);

  explicit TaskArena(Options options);
  ~TaskArena();
  TaskArena(const TaskArena&) = delete;
  TaskArena& operator=(const TaskArena&) = delete;

  // Physical cores that the process may use: out of its affinity mask, one a core, and no more than its cgroup's quota.
  static uint32_t DefaultThreads();

  // The most workers that a run gets, the caller included; at least 1.
  uint32_t worker_count() const;

  // Runs fn on the caller and on at most max_workers - 1 helpers, as they become free; returns when every fn that was
  // started has returned. The caller alone must be able to finish the work. Any thread may call; when two do at once,
  // the later one runs alone. Not re-entrant from within fn. Allocates nothing.
  void ParallelRun(uint32_t max_workers, Worker* fn, void* arg);

 private:
  class Gate;
  class Helpers;
  uint32_t count_ = 1;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<Helpers> helpers_;
};

}  // namespace concord
