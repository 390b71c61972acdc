#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "backends/gpu/driver.h"
#include "backends/opencl/adapter.h"
#include "backends/opencl/api.h"
#include "backends/opencl/kernels.h"
#include "backends/opencl/memory.h"

namespace concord::opencl {

// A context of one device with a queue for work and one for uploads, both in order. A ticket is the event of its last
// command.
class OpenClDriver final : public gpu::Driver {
 public:
  // All outlive the driver.
  static sdk::Result<std::unique_ptr<OpenClDriver>> Open(const sdk::Host* host, const Api* api, const Adapter* adapter);
  ~OpenClDriver() override;

  const gpu::Limits& limits() const override { return adapter_->limits; }
  sdk::Result<std::unique_ptr<gpu::Buffer>> NewBuffer(int32_t usage, uint64_t size_bytes,
                                                      uint64_t align_bytes) override;
  sdk::Status Upload(gpu::Buffer& target, const void* data, uint64_t size_bytes) override;
  sdk::Result<const gpu::Kernel*> GetKernel(const gpu::KernelKey& key, uint32_t n_buffers, uint32_t n_words) override;
  sdk::Status MemoryStats(concord_memory_stats* out) override;
  uint64_t Fingerprint() override { return sdk::Hash(adapter_->fingerprint); }

  sdk::Status Wait(uint64_t ticket) override;

 protected:
  sdk::Status LaunchDispatches(const std::vector<gpu::Dispatch>& dispatches, size_t count, uint64_t ticket) override;
  sdk::Status LaunchCopy(const gpu::BoundRange& from, const gpu::BoundRange& to, uint64_t ticket) override;
  sdk::Status LaunchFill(const gpu::BoundRange& to, uint32_t pattern, uint64_t ticket) override;

 private:
  OpenClDriver(const Api* api, const Adapter* adapter) : api_(api), adapter_(adapter) {}
  sdk::Status OpenQueues();

  // Each gives the queue one command; where `last` is not null it becomes the command's event.
  sdk::Status Enqueue(const gpu::Dispatch& dispatch, cl_event* last);
  sdk::Status Copy(const gpu::BoundRange& from, const gpu::BoundRange& to, cl_event* last);
  sdk::Status Fill(const gpu::BoundRange& to, uint32_t pattern, cl_event* last);
  // Where both sides are the host's: what `load(gpu::BoundRange bounce)` puts on the device, piece by piece, goes to
  // `to`.
  template <typename Load>
  sdk::Status Bounce(const gpu::BoundRange& to, cl_event* last, Load load);

  // Sends off what `enqueue(cl_event* last)` gives to the queue.
  template <typename Enqueues>
  sdk::Status Send(uint64_t ticket, Enqueues enqueues);

  const Api* api_;
  const Adapter* adapter_;
  cl_context context_ = nullptr;
  cl_command_queue queue_ = nullptr, uploads_ = nullptr;
  std::unique_ptr<Memory> memory_;
  std::unique_ptr<Kernels> kernels_;
  std::unique_ptr<OpenClBuffer> bounce_;

  std::mutex events_mutex_;
  std::deque<std::pair<uint64_t, cl_event>> events_;  // by ticket, in order
};

}  // namespace concord::opencl
