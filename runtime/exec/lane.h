#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/hal/chain.h"
#include "runtime/hal/device.h"
#include "runtime/hal/staged_buffer.h"

namespace concord::exec {

// Memory that lanes share: what was free of it, and what they have taken since. Pages that were promised and not
// touched yet look free to the machine, so that only such an account sees them. One thread.
struct MemoryAccount {
  int64_t free_bytes = -1;  // -1: unknown
  int64_t taken_bytes = 0;
};

// A device as steps use it: its work one after the other, its copies beside it where it has a queue for them, and an
// account of the memory that is taken. One thread.
class Lane {
 public:
  // Where buffers are host memory they are taken from `host`, an account of the machine's; null: one of its own.
  static absl::StatusOr<std::unique_ptr<Lane>> Create(std::shared_ptr<hal::Device> device,
                                                      std::shared_ptr<MemoryAccount> host = nullptr);
  static std::shared_ptr<MemoryAccount> HostAccount();

  const hal::Device& device() const { return *device_; }
  bool executes_in_wait() const { return device_->info().has(CONCORD_DEVICE_EXECUTES_IN_WAIT); }

  // Refuses what does not fit into what was free when the account began.
  absl::StatusOr<hal::Buffer> Allocate(int64_t bytes, absl::string_view what);
  absl::StatusOr<std::unique_ptr<hal::StagedBuffer>> AllocateStaged(int64_t bytes, uint32_t access,
                                                                    absl::string_view what);

  // What the next submission waits for: all work before it, and the copies to the device before it.
  absl::Status Submit(const hal::Prepared& prepared, absl::Span<const concord_symbol_value> symbols,
                      absl::Span<const concord_binding> bindings);
  // The first bytes of a staged buffer, for work that is submitted after this, or as the work before this leaves them.
  absl::Status ToDevice(const hal::StagedBuffer& buffer, uint64_t bytes);
  absl::Status ToHost(const hal::StagedBuffer& buffer, uint64_t bytes);

  // A copy beside the work, after the copies before it. Ranges lie within the buffers.
  absl::Status Copy(const hal::CopyArgs& args) { return Beside(args, &hal::Device::Copy); }
  absl::Status ExportState(const hal::StateArgs& args) { return Beside(args, &hal::Device::ExportState); }
  absl::Status ImportState(const hal::StateArgs& args) { return Beside(args, &hal::Device::ImportState); }

  // A moment in this lane's work: everything that was put in before Now().
  struct Moment {
    uint64_t compute = 0, copies = 0;
  };
  Moment Now() const { return {compute_.value(), copies_ ? copies_->value() : 0}; }
  absl::Status Wait(const Moment& moment) const;
  absl::Status WaitForAll() const { return Wait(Now()); }

  // After an error: a semaphore that has failed stays so. The next step needs others, once nothing of the failed one is
  // left in the queues.
  absl::Status BeginAnew();

 private:
  explicit Lane(std::shared_ptr<hal::Device> device) : device_(std::move(device)) {}
  absl::Status MakeChains();
  template <typename Args>
  absl::Status Beside(Args args, absl::Status (hal::Device::*call)(const Args&) const);
  hal::Chain& copies() { return copies_ ? *copies_ : compute_; }
  uint32_t copy_queue() const { return copies_ ? 1 : 0; }

  std::shared_ptr<hal::Device> device_;
  hal::Chain compute_;
  std::unique_ptr<hal::Chain> copies_;               // null: copies are part of compute_
  uint64_t arrived_ = 0;                             // of copies_: up to where submissions have to wait
  std::vector<std::unique_ptr<hal::Chain>> failed_;  // which work in the queues may still point to
  std::shared_ptr<MemoryAccount> memory_;
};

}  // namespace concord::exec
