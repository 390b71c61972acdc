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
//
// The tiles of a step lie in lanes, a run of neighbours for each worker, who takes its own before those that others
// have left: what a kernel has asked for behind its tile is then, as a rule, what it comes to next, so tiles can be
// small enough for all to end together.
class StepRunner {
 public:
  struct Item {
    const Step* step;
    // Indices of earlier items that must be complete before this one starts, without those that an earlier item of the
    // walk has already waited for.
    std::vector<uint32_t> waits;
  };

  // `workers`: how many may come; it decides the lanes.
  StepRunner(std::vector<Item> items, uint32_t workers);

  // When an item's first tile was claimed and its last one finished; of an item without tiles, 0.
  struct Times {
    uint64_t begin_ns = 0, end_ns = 0;
  };

  // One caller at a time. Allocates nothing. `timed`: times() are those of this run.
  void Run(const sdk::Host& host, const Frame& frame, bool timed);
  const Times& times(size_t item) const { return progress_[item].times; }

 private:
  // Workers that share a lane are in each other's way, but lanes have to be reset in every run.
  static constexpr uint32_t kMostLanes = 16;
  static constexpr uint32_t kNoTile = UINT32_MAX;

  // One cache line each, so that workers on different steps and lanes do not disturb each other.
  struct alignas(64) Lane {
    std::atomic<uint32_t> next{0};
    uint32_t end = 0;
  };
  struct alignas(64) Progress {
    std::atomic<uint32_t> done{0};
    std::atomic<bool> begun{false};  // kept where times are
    uint32_t tiles = 0;
    Times times;
  };

  static void Work(void* self, uint32_t worker, int32_t numa_node);
  void Reset(size_t item, uint32_t tiles);
  void Walk(uint32_t worker);
  uint32_t Claim(size_t item, uint32_t worker);
  static void WaitFor(Progress& progress);

  std::vector<Item> items_;
  std::unique_ptr<Progress[]> progress_;
  uint32_t n_lanes_;
  std::unique_ptr<Lane[]> lanes_;  // [item][n_lanes_]
  const Frame* frame_ = nullptr;
  const sdk::Host* clock_ = nullptr;  // null: nobody asks for times
};

}  // namespace concord::cpu
