#include "backends/cpu/step_runner.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace concord::cpu {
namespace {

// About what sleeping and being woken costs; most steps of decoding end sooner.
constexpr auto kSpin = std::chrono::microseconds(20);

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

StepRunner::StepRunner(std::vector<Item> items, uint32_t workers)
    : items_(std::move(items)),
      progress_(std::make_unique<Progress[]>(items_.size())),
      n_lanes_(std::clamp<uint32_t>(workers, 1, kMostLanes)),
      lanes_(std::make_unique<Lane[]>(items_.size() * n_lanes_)) {}

void StepRunner::Run(const sdk::Host& host, const Frame& frame, bool timed) {
  frame_ = &frame;
  clock_ = timed ? &host : nullptr;
  uint32_t widest = 1;
  for (size_t i = 0; i < items_.size(); ++i) {
    const auto tiles = static_cast<uint32_t>(items_[i].step->Tiles(frame));
    Reset(i, tiles);
    widest = std::max(widest, tiles);
  }
  // Publishing the run orders the stores above before any helper's loads. A run of single tiles wakes nobody.
  if (widest == 1) {
    Walk(0);
  } else {
    host.ParallelRun(std::min(widest, host.WorkerCount()), &StepRunner::Work, this);
  }
}

void StepRunner::Reset(size_t item, uint32_t tiles) {
  Progress& progress = progress_[item];
  progress.tiles = tiles;
  progress.done.store(0, std::memory_order_relaxed);
  progress.begun.store(false, std::memory_order_relaxed);
  progress.times = {};
  for (uint32_t l = 0; l < n_lanes_; ++l) {
    const auto border = [&](uint64_t at) { return static_cast<uint32_t>(at * tiles / n_lanes_); };
    lanes_[item * n_lanes_ + l].next.store(border(l), std::memory_order_relaxed);
    lanes_[item * n_lanes_ + l].end = border(l + 1);
  }
}

uint32_t StepRunner::Claim(size_t item, uint32_t worker) {
  for (uint32_t l = 0; l < n_lanes_; ++l) {
    Lane& lane = lanes_[item * n_lanes_ + (worker + l) % n_lanes_];
    // The load first, because a failed claim would still take the cache line from those who work.
    if (lane.next.load(std::memory_order_relaxed) >= lane.end) continue;
    const uint32_t tile = lane.next.fetch_add(1, std::memory_order_relaxed);
    if (tile < lane.end) return tile;
  }
  return kNoTile;
}

void StepRunner::Work(void* self, uint32_t worker, int32_t) { static_cast<StepRunner*>(self)->Walk(worker); }

void StepRunner::Walk(uint32_t worker) {
  for (size_t i = 0; i < items_.size(); ++i) {
    for (uint32_t before : items_[i].waits) WaitFor(progress_[before]);
    Progress& progress = progress_[i];
    uint32_t ran = 0;
    for (uint32_t tile; (tile = Claim(i, worker)) != kNoTile;) {
      if (clock_ != nullptr && !progress.begun.exchange(true, std::memory_order_relaxed)) {
        progress.times.begin_ns = clock_->NowNs();
      }
      items_[i].step->Run(*frame_, tile, worker);
      ++ran;
    }
    // Read before the step counts as done, so that no step that waited for it seems to begin earlier.
    const uint64_t end_ns = ran != 0 && clock_ != nullptr ? clock_->NowNs() : 0;
    if (ran != 0 && progress.done.fetch_add(ran, std::memory_order_acq_rel) + ran == progress.tiles) {
      progress.times.end_ns = end_ns;
      progress.done.notify_all();
    }
  }
  // The caller returns when all is complete, not when nothing is left to claim; helpers need not stay.
  if (worker != 0) return;
  for (size_t i = 0; i < items_.size(); ++i) WaitFor(progress_[i]);
}

void StepRunner::WaitFor(Progress& progress) {
  uint32_t done = progress.done.load(std::memory_order_acquire);
  if (done == progress.tiles) return;
  const auto until = std::chrono::steady_clock::now() + kSpin;
  while ((done = progress.done.load(std::memory_order_acquire)) != progress.tiles) {
    if (std::chrono::steady_clock::now() < until) {
      Pause();
    } else {
      progress.done.wait(done, std::memory_order_acquire);
    }
  }
}

}  // namespace concord::cpu
