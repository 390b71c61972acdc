#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/exec/capacities.h"
#include "runtime/exec/step_batch.h"
#include "runtime/hal/device.h"

namespace concord::exec {

// A step over several devices goes through them in pieces, so that a later device works on one piece while an earlier
// one works on the next. With S devices and P pieces the pipeline is full for P of P + S - 1 turns: 8 pieces lose 11 %
// on two devices. Fewer than 64 tokens a piece would lose more by reading all weights for too few products.
inline constexpr int64_t kMaxMicroBatches = 8;
inline constexpr int64_t kMinMicroTokens = 64;

// How many pieces may be in flight: one where no two devices ever work at the same time.
inline int64_t SlotCount(const std::vector<std::shared_ptr<hal::Device>>& devices, int64_t tokens) {
  const auto shares = [](const auto& device) { return device->info().has(CONCORD_DEVICE_SHARES_HOST_CORES); };
  const bool overlap = devices.size() > 1 && std::count_if(devices.begin(), devices.end(), shares) <= 1;
  return overlap ? std::clamp<int64_t>(tokens / kMinMicroTokens, 1, kMaxMicroBatches) : 1;
}

// How many pieces a step of `tokens` tokens makes, at most `slots`.
inline int64_t MicroBatchCount(int64_t tokens, int64_t slots) {
  return std::clamp<int64_t>(tokens / kMinMicroTokens, 1, slots);
}

// The most tokens that a piece of a step of at most `tokens` tokens has: one of 127 is not cut yet.
inline int64_t MicroBatchTokens(int64_t tokens, int64_t slots) {
  if (slots == 1) return tokens;
  return std::min(tokens, std::max(2 * kMinMicroTokens - 1, (tokens + slots - 1) / slots));
}

// What a program is prepared for when steps go through in pieces.
inline StepCapacities OfOnePiece(StepCapacities capacities, int64_t slots) {
  capacities.n_tokens = MicroBatchTokens(capacities.n_tokens, slots);
  return capacities;
}

// Tokens [first, first + count) of a step as a step of their own. Sequences that end or begin outside are cut: keys of
// earlier pieces are there by then.
void SliceBatch(const StepBatch& whole, int64_t first, int64_t count, StepBatch* piece);

}  // namespace concord::exec
