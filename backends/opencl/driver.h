#pragma once

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

// A context of one device with a queue for work and one for uploads, both in order. A submission is the event of its
// last command. What is timed goes to a queue of its own, because drivers may be slower on one that keeps times.
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

  sdk::Status EnableTimes() override;
  sdk::Result<uint64_t> Now() override;
  double ns_per_tick() const override { return 1; }

 protected:
  sdk::Status LaunchDispatches(const gpu::Dispatch* dispatches, size_t count,
                               const gpu::Submission& submission) override;
  sdk::Status LaunchCopy(const gpu::BoundRange& from, const gpu::BoundRange& to,
                         const gpu::Submission& submission) override;
  sdk::Status LaunchFill(const gpu::BoundRange& to, uint32_t pattern, const gpu::Submission& submission) override;
  sdk::Status WaitLaunched(const gpu::Submission& submission, std::vector<gpu::Span>* spans) override;

 private:
  OpenClDriver(const Api* api, const Adapter* adapter) : api_(api), adapter_(adapter) {}
  sdk::Status OpenQueues();
  sdk::Status ChangeQueue(cl_command_queue to);

  // The events of a submission: of every command when it is timed, else of the last.
  class Events {
   public:
    explicit Events(bool all) : all_(all) {}
    // Where a command puts its event; null: nowhere. Until the next is asked for.
    cl_event* For(bool last, uint32_t op_index = CONCORD_NONE) {
      return last || all_ ? &list_.emplace_back(op_index, nullptr).second : nullptr;
    }
    std::vector<std::pair<uint32_t, cl_event>>& list() { return list_; }
    const std::vector<std::pair<uint32_t, cl_event>>& list() const { return list_; }

   private:
    bool all_;
    std::vector<std::pair<uint32_t, cl_event>> list_;
  };

  // Each gives the queue its commands, with the place for the event of each from `events`; the last of them is the
  // submission's if `last`.
  sdk::Status Enqueue(const gpu::Dispatch& dispatch, bool last, Events* events);
  sdk::Status Copy(const gpu::BoundRange& from, const gpu::BoundRange& to, bool last, Events* events);
  sdk::Status Fill(const gpu::BoundRange& to, uint32_t pattern, bool last, Events* events);
  // Where both sides are the host's: what `load(gpu::BoundRange bounce)` puts on the device, piece by piece, goes to
  // `to`.
  template <typename Load>
  sdk::Status Bounce(const gpu::BoundRange& to, bool last, Events* events, Load load);

  // Sends off what `enqueue(Events*)` gives to the queue.
  template <typename Enqueues>
  sdk::Status Send(const gpu::Submission& submission, Enqueues enqueues);
  sdk::Status ReadSpans(const Events& events, std::vector<gpu::Span>* spans) const;
  void Release(Events* events) const;

  const Api* api_;
  const Adapter* adapter_;
  cl_context context_ = nullptr;
  cl_command_queue plain_ = nullptr, uploads_ = nullptr;
  cl_command_queue queue_ = nullptr;  // that work goes to: plain_ or timed_
  std::unique_ptr<Memory> memory_;
  std::unique_ptr<Kernels> kernels_;
  std::unique_ptr<OpenClBuffer> bounce_;

  std::mutex events_mutex_;
  cl_command_queue timed_ = nullptr;                 // from EnableTimes on
  std::vector<std::pair<uint64_t, Events>> events_;  // by number
};

}  // namespace concord::opencl
