#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "backends/cpu/step.h"
#include "backends/sdk/sdk.h"

namespace concord::cpu {

// Executes steps with as many workers as come (DESIGN D14): every worker walks the steps in order, waits until the ones
// it depends on are complete, and claims tiles until there are none. There is no barrier: a worker that arrives late
// passes what is done, one that leaves is not missed, and the caller alone finishes everything.
class StepRunner {
 public:
  struct Item {
    const Step* step;
    // Indices of earlier items that must be complete before this one starts, without those that an earlier item of the
    // walk has already waited for.
    std::vector<uint32_t> waits;
  };

  explicit StepRunner(std::vector<Item> items);

  // When an item's first tile was claimed and its last one finished; of an item without tiles, 0.
  struct Times {
    uint64_t begin_ns = 0, end_ns = 0;
  };

  // One caller at a time. Allocates nothing. `timed`: times() are those of this run.
  void Run(const sdk::Host& host, const Frame& frame, bool timed);
  const Times& times(size_t item) const { return progress_[item].times; }

 private:
  // One cache line a step, so that workers on different steps do not disturb each other.
  struct alignas(64) Progress {
    std::atomic<uint32_t> next{0};
    std::atomic<uint32_t> done{0};
    uint32_t tiles = 0;
    Times times;
  };

  static void Work(void* self, uint32_t worker, int32_t numa_node);
  void Walk(uint32_t worker);
  static void WaitFor(Progress& progress);

  std::vector<Item> items_;
  std::unique_ptr<Progress[]> progress_;
  const Frame* frame_ = nullptr;
  const sdk::Host* clock_ = nullptr;  // null: nobody asks for times
};

}  // namespace concord::cpu
