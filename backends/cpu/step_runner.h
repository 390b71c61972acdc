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

  // One caller at a time. Allocates nothing.
  void Run(const sdk::Host& host, const Frame& frame);

 private:
  // One cache line a step, so that workers on different steps do not disturb each other.
  struct alignas(64) Progress {
    std::atomic<uint32_t> next{0};
    std::atomic<uint32_t> done{0};
    uint32_t tiles = 0;
  };

  static void Work(void* self, uint32_t worker, int32_t numa_node);
  void Walk(uint32_t worker);
  static void WaitFor(Progress& progress);

  std::vector<Item> items_;
  std::unique_ptr<Progress[]> progress_;
  const Frame* frame_ = nullptr;
};

}  // namespace concord::cpu
