#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/gpu/buffer.h"
#include "backends/gpu/launch.h"
#include "backends/gpu/launch_builder.h"
#include "backends/sdk/sdk.h"

namespace concord::gpu {

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

// What a GPU API has to offer: memory, kernels and a queue. All else is done once, in this folder.
// Threads: NewBuffer, Upload, GetKernel and MemoryStats any; the rest as sdk::AsyncDriver says.
class Driver : public sdk::AsyncDriver {
 public:
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

  sdk::Status Launch(const sdk::Work& work, uint64_t ticket) final;

 protected:
  // One submission each. The dispatches run in order as far as their barriers say; those of earlier tickets come
  // before.
  virtual sdk::Status LaunchDispatches(const std::vector<Dispatch>& dispatches, size_t count, uint64_t ticket) = 0;
  virtual sdk::Status LaunchCopy(const BoundRange& from, const BoundRange& to, uint64_t ticket) = 0;
  virtual sdk::Status LaunchFill(const BoundRange& to, uint32_t pattern, uint64_t ticket) = 0;
};

}  // namespace concord::gpu
