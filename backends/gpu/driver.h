#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "backends/gpu/buffer.h"
#include "backends/gpu/launch.h"
#include "backends/gpu/launch_builder.h"
#include "backends/sdk/sdk.h"

namespace concord::gpu {

class Prepared;

// A compiled kernel of a driver.
class Kernel {
 public:
  virtual ~Kernel() = default;
};

struct BoundRange {
  Buffer* buffer = nullptr;
  uint64_t offset_bytes = 0, size_bytes = 0;
  bool write = false;

  bool Overlaps(const BoundRange& other) const {
    return buffer == other.buffer && offset_bytes < other.offset_bytes + other.size_bytes &&
           other.offset_bytes < offset_bytes + size_bytes;
  }
};

// A launch with everything that this step decides.
struct Dispatch {
  const Kernel* kernel = nullptr;
  std::vector<BoundRange> args;
  std::vector<uint32_t> words;
  uint32_t groups = 0, layers = 0;  // more groups than one dim of a grid takes are spread over two
  bool barrier = false;             // what was launched before must have finished
  uint32_t op_index = 0;
};

// What goes to the device at once.
struct Submission {
  uint64_t number = 0;  // 1, 2, 3 ...
  bool timed = false;   // whether it is to be told when each op of it ran
};

// When an op ran, or all of a copy or fill (op CONCORD_NONE), in ticks of the device's clock.
struct Span {
  uint32_t op_index = CONCORD_NONE;
  uint64_t begin_ticks = 0, end_ticks = 0;
};

// What a GPU API has to offer: memory, kernels and a queue. All else is done once, in this folder.
// A step goes to the device in several submissions: the device begins while the rest is still being recorded, none is
// long enough for a watchdog, and when the device is lost the one that has not ended says where. With
// CONCORD_GPU_CHECK=ops each op is one, and waited for before the next: slow, and the op that the device is lost in is
// known. Threads: NewBuffer, Upload, GetKernel, MemoryStats, EnableTimes and Now any; the rest as
// sdk::AsyncDriver says.
class Driver : public sdk::AsyncDriver {
 public:
  Driver();

  virtual const Limits& limits() const = 0;
  // CONCORD_BUFFER_DEVICE or _STAGING, whose address is a multiple of `align_bytes`. RESOURCE_EXHAUSTED says how much
  // was wanted and how much is free.
  virtual sdk::Result<std::unique_ptr<Buffer>> NewBuffer(int32_t usage, uint64_t size_bytes, uint64_t align_bytes) = 0;
  // Copies host memory into a device buffer that nothing uses yet; returns when it is there.
  virtual sdk::Status Upload(Buffer& target, const void* data, uint64_t size_bytes) = 0;
  // Compiled at the first call, from the disk cache if it is there. Lives as long as the driver.
  virtual sdk::Result<const Kernel*> GetKernel(const KernelKey& key, uint32_t n_buffers, uint32_t n_words) = 0;
  virtual sdk::Status MemoryStats(concord_memory_stats* out) = 0;
  // Changes with device, driver and plugin.
  virtual uint64_t Fingerprint() = 0;

  // Before the first submission that is timed; UNIMPLEMENTED where the device has no clock.
  virtual sdk::Status EnableTimes() = 0;
  // The device's clock, now, and how fast it is; after EnableTimes.
  virtual sdk::Result<uint64_t> Now() = 0;
  virtual double ns_per_tick() const = 0;
  // Who is told what the device did when, while it asks for it; outlives the driver. Before the first launch.
  void SetTrace(sdk::TraceSource* trace) { trace_ = trace; }

  sdk::Status Launch(const sdk::Work& work, uint64_t ticket) final;
  sdk::Status Wait(uint64_t ticket) final;

 protected:
  // The dispatches run in order as far as their barriers say; earlier submissions come before.
  virtual sdk::Status LaunchDispatches(const Dispatch* dispatches, size_t count, const Submission& submission) = 0;
  virtual sdk::Status LaunchCopy(const BoundRange& from, const BoundRange& to, const Submission& submission) = 0;
  virtual sdk::Status LaunchFill(const BoundRange& to, uint32_t pattern, const Submission& submission) = 0;
  // Blocks until a submission is complete; an error is its own, or the device's. Called once for each whose launch was
  // OK, by any thread. Of one that is timed, `spans` gets those of its ops in order.
  virtual sdk::Status WaitLaunched(const Submission& submission, std::vector<Span>* spans) = 0;

 private:
  // A submission of a ticket.
  struct Piece {
    uint64_t ticket = 0;
    Submission submission;
    int32_t kind = CONCORD_TRACE_SUBMISSION;
    uint64_t bytes = 0;
    Prepared* prepared = nullptr;        // null unless it is of a step
    uint32_t first_op = 0, last_op = 0;  // of those that it launches
    bool over = false;                   // waited for
    std::vector<Span> spans{};
  };

  Piece NewPiece(uint64_t ticket);
  void Keep(Piece piece);
  bool Take(uint64_t ticket, Piece* piece);
  void Abandon(uint64_t ticket);
  sdk::Status LaunchStep(Prepared* prepared, const sdk::Work& work, uint64_t ticket);
  sdk::Status Finish(Piece* piece);
  void Trace(const std::vector<Piece>& pieces);

  const bool checks_ops_;
  sdk::TraceSource* trace_ = nullptr;
  uint64_t n_submissions_ = 0;
  std::mutex pieces_mutex_;
  std::deque<Piece> pieces_;  // in order
};

}  // namespace concord::gpu
