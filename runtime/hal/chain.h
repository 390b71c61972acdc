#pragma once

#include <cstdint>
#include <utility>

#include "runtime/hal/semaphore.h"

namespace concord::hal {

// Pieces of work that run one after the other without the host between them: each waits for last() and signals next(),
// and whoever enqueued it then counts it with Advance(). One thread.
class Chain {
 public:
  Chain() = default;
  explicit Chain(Semaphore semaphore) : semaphore_(std::move(semaphore)) {}

  concord_point last() const { return semaphore_.At(value_); }
  concord_point next() const { return semaphore_.At(value_ + 1); }
  void Advance() { ++value_; }
  uint64_t value() const { return value_; }  // of last()
  concord_point At(uint64_t value) const { return semaphore_.At(value); }

  // Until all that was enqueued has run, or what was enqueued when value() was this.
  absl::Status Wait() const { return Wait(value_); }
  absl::Status Wait(uint64_t value) const { return semaphore_.Wait(value); }

 private:
  Semaphore semaphore_;  // begins at 0
  uint64_t value_ = 0;
};

}  // namespace concord::hal
