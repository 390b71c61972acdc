#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "backends/sdk/sdk.h"
#include "tests/emulators/sim/program.h"
#include "tests/emulators/sim/queue.h"
#include "tests/emulators/sim/trace_log.h"

namespace concord::sim {

// A device as its DeviceConfig describes it.
class SimDevice final : public sdk::Device, private WorkDevice {
 public:
  static constexpr uint32_t kQueues = 2;  // by convention: 0 computes, 1 copies; both can do everything

  // Both outlive the device.
  SimDevice(const sdk::Host* host, Scheduler* scheduler, DeviceConfig config);

  static void Describe(const DeviceConfig& config, concord_device_info* out);

  sdk::Status MemoryStats(concord_memory_stats* out) override;
  sdk::Result<std::unique_ptr<sdk::Buffer>> CreateBuffer(const concord_buffer_desc& desc) override;
  sdk::Result<std::unique_ptr<sdk::Buffer>> ImportHost(void* memory, uint64_t size_bytes) override;
  sdk::Result<std::unique_ptr<sdk::Semaphore>> CreateSemaphore(uint64_t initial_value) override;
  sdk::Result<std::unique_ptr<sdk::Constant>> CreateConstant(const concord_constant_desc& desc) override;

  sdk::Support QueryOp(const sdk::Op& op) override;
  sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc& desc) override;

  sdk::Status Submit(const concord_submit_args& args) override { return Enqueue(args, &Calls::Submit); }
  sdk::Status Copy(const concord_copy_args& args) override { return Enqueue(args, &Calls::Copy); }
  sdk::Status Fill(const concord_fill_args& args) override { return Enqueue(args, &Calls::Fill); }
  sdk::Status Barrier(const concord_barrier_args& args) override { return Enqueue(args, &Calls::Barrier); }
  sdk::Status ExportState(const concord_state_args& args) override {
    sdk::Status status = CheckStateMoves();
    return status.ok() ? Enqueue(args, &Calls::ExportState) : status;
  }
  sdk::Status ImportState(const concord_state_args& args) override {
    sdk::Status status = CheckStateMoves();
    return status.ok() ? Enqueue(args, &Calls::ImportState) : status;
  }
  bool Busy() override;

  void Lose() { lost_ = true; }
  void FailAllocations(uint32_t count) {
    std::lock_guard<std::mutex> lock(allocation_mutex_);
    allocations_to_fail_ = count;
  }
  void FailExecution() { execution_fails_ = true; }

  Scheduler& scheduler() { return *scheduler_; }
  const DeviceConfig& config() const { return context_.config; }
  TraceLog& trace() { return trace_; }

 private:
  using Calls = sdk::QueueCalls<sdk::HostBuffer, SimPrepared, Queue>;

  template <typename Args>
  sdk::Status Enqueue(Args args, sdk::Status (Calls::*call)(const Args&)) {
    const uint32_t index = args.queue_index;
    if (index >= kQueues) {
      return sdk::Error(CONCORD_INVALID_ARGUMENT, "queue ", index, " of a device with ", kQueues, " queues");
    }
    args.queue_index = 0;  // each has a QueueCalls of its own
    return (calls_[index].*call)(args);
  }

  sdk::Status Execute(const sdk::Work& work, Timing* timing) override;
  bool Recording() const override { return trace_.enabled(); }
  void Record(const sdk::Work& work, uint32_t queue_index, Ns begin, const Timing& timing) override {
    trace_.Record(work, queue_index, begin, timing);
  }
  void ExecuteStateMove(const sdk::Work& work, Timing* timing);  // with memory_mutex held
  void SpoilStateMove(const sdk::Work& work);
  sdk::Status CheckStateMoves() const;
  sdk::Status CheckLost() const;
  // What an injected fault makes of the next piece of work.
  sdk::Status CheckFaults(const sdk::Work& work);
  // With allocation_mutex_ held. `on_device`: of the device's own memory.
  sdk::Status CheckAllocation(uint64_t size_bytes, bool on_device);

  const sdk::Host* host_;
  Scheduler* scheduler_;
  ProgramContext context_;
  TraceLog trace_{&context_.config};
  std::mutex allocation_mutex_;
  sdk::MemoryCount memory_, staging_;
  std::atomic<bool> lost_{false}, execution_fails_{false};
  std::atomic<uint64_t> submissions_{0};
  uint64_t imports_ = 0;              // under memory_mutex
  uint32_t allocations_to_fail_ = 0;  // under allocation_mutex_
  Queue queues_[kQueues];
  Calls calls_[kQueues] = {Calls(&queues_[0]), Calls(&queues_[1])};
};

}  // namespace concord::sim
