#pragma once

#include <memory>

#include "backends/gpu/driver.h"
#include "backends/gpu/prepared.h"
#include "backends/sdk/sdk.h"

namespace concord::gpu {

// The border over a driver.
class Device final : public sdk::Device, public sdk::TraceSource {
 public:
  // The host and the scheduler are the instance's and outlive the device.
  Device(const sdk::Host* host, sdk::AsyncScheduler* scheduler, std::unique_ptr<Driver> driver)
      : host_(host), scheduler_(scheduler), driver_(std::move(driver)), queue_(scheduler, driver_.get()) {
    driver_->SetTrace(this);
  }

  sdk::Status MemoryStats(concord_memory_stats* out) override { return driver_->MemoryStats(out); }
  sdk::Result<std::unique_ptr<sdk::Buffer>> CreateBuffer(const concord_buffer_desc& desc) override;
  sdk::Result<std::unique_ptr<sdk::Semaphore>> CreateSemaphore(uint64_t initial_value) override;
  sdk::Result<std::unique_ptr<sdk::Constant>> CreateConstant(const concord_constant_desc& desc) override;
  sdk::Support QueryOp(const sdk::Op& op) override;
  sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc& desc) override;
  uint64_t Fingerprint() override { return driver_->Fingerprint(); }

  sdk::Status Submit(const concord_submit_args& args) override { return calls_.Submit(args); }
  sdk::Status Copy(const concord_copy_args& args) override { return calls_.Copy(args); }
  sdk::Status Fill(const concord_fill_args& args) override { return calls_.Fill(args); }
  sdk::Status Barrier(const concord_barrier_args& args) override { return calls_.Barrier(args); }
  bool Busy() override { return queue_.Busy(); }

  sdk::Status SetTraceEnabled(bool enabled) override;
  sdk::Status CalibrateTrace(concord_trace_clock* out) override;

  Driver& driver() { return *driver_; }

 private:
  const sdk::Host* host_;
  sdk::AsyncScheduler* scheduler_;
  std::unique_ptr<Driver> driver_;
  sdk::AsyncQueue queue_;  // after the driver, because it waits for what that still runs
  sdk::QueueCalls<Buffer, Prepared, sdk::AsyncQueue> calls_{&queue_};
};

}  // namespace concord::gpu
