#include "runtime/exec/lane.h"

#include <utility>

#include "runtime/base/memory_block.h"
#include "runtime/exec/from_device.h"

namespace concord::exec {
namespace {

// What the device can still give, as far as is known.
int64_t FreeBytes(const hal::Device& device) {
  const absl::StatusOr<concord_memory_stats> stats = device.MemoryStats();
  return stats.ok() && stats->total_bytes > 0 ? static_cast<int64_t>(stats->free_bytes) : -1;
}

}  // namespace

// Host memory is promised freely and only missed when it is used, so there the machine's own account decides.
std::shared_ptr<MemoryAccount> Lane::HostAccount() {
  return std::make_shared<MemoryAccount>(MemoryAccount{.free_bytes = MemoryBlock::AvailableBytes()});
}

absl::StatusOr<std::unique_ptr<Lane>> Lane::Create(std::shared_ptr<hal::Device> device,
                                                   std::shared_ptr<MemoryAccount> host) {
  auto lane = std::unique_ptr<Lane>(new Lane(std::move(device)));
  if (lane->device().info().has(CONCORD_DEVICE_HOST_MEMORY)) {
    lane->memory_ = host != nullptr ? std::move(host) : HostAccount();
  } else {
    lane->memory_ = std::make_shared<MemoryAccount>(MemoryAccount{.free_bytes = FreeBytes(lane->device())});
  }
  CONCORD_RETURN_IF_ERROR(lane->MakeChains());
  return lane;
}

absl::Status Lane::MakeChains() {
  CONCORD_ASSIGN_OR_RETURN(hal::Semaphore compute, FromDevice(device_->CreateSemaphore()));
  compute_ = hal::Chain(std::move(compute));
  copies_.reset();
  arrived_ = 0;
  // Where buffers are host memory there are no copies.
  if (device_->info().queue_count < 2 || device_->info().has(CONCORD_DEVICE_HOST_MEMORY)) return absl::OkStatus();
  CONCORD_ASSIGN_OR_RETURN(hal::Semaphore copies, FromDevice(device_->CreateSemaphore()));
  copies_ = std::make_unique<hal::Chain>(std::move(copies));
  return absl::OkStatus();
}

absl::StatusOr<hal::Buffer> Lane::Allocate(int64_t bytes, absl::string_view what) {
  memory_->taken_bytes += bytes;
  if (memory_->free_bytes >= 0 && memory_->taken_bytes > memory_->free_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(device_->id(), ": ", what, " needs ", bytes >> 20, " MiB, ", memory_->taken_bytes >> 20,
                     " MiB with all before it, but ", memory_->free_bytes >> 20,
                     " MiB are free; ask for a shorter context, fewer sequences or a smaller KV type"));
  }
  absl::StatusOr<hal::Buffer> buffer = FromDevice(device_->CreateBuffer(static_cast<uint64_t>(bytes)));
  return buffer.ok() ? std::move(buffer) : Annotate(buffer.status(), absl::StrCat("memory for ", what));
}

absl::StatusOr<std::unique_ptr<hal::StagedBuffer>> Lane::AllocateStaged(int64_t bytes, uint32_t access,
                                                                        absl::string_view what) {
  CONCORD_ASSIGN_OR_RETURN(hal::Buffer buffer, Allocate(bytes, what));
  return FromDevice(hal::StagedBuffer::Create(std::move(buffer), access));
}

absl::Status Lane::Submit(const hal::Prepared& prepared, absl::Span<const concord_symbol_value> symbols,
                          absl::Span<const concord_binding> bindings) {
  const concord_point waits[] = {compute_.last(), copies_ ? copies_->At(arrived_) : concord_point{}};
  const concord_point signal = compute_.next();
  CONCORD_RETURN_IF_ERROR(FromDevice(device_->Submit({.prepared = &prepared,
                                                      .values = symbols,
                                                      .bindings = bindings,
                                                      .waits = {waits, copies_ && arrived_ > 0 ? 2u : 1u},
                                                      .signals = {&signal, 1}})));
  compute_.Advance();
  return absl::OkStatus();
}

absl::Status Lane::ToDevice(const hal::StagedBuffer& buffer, uint64_t bytes) {
  CONCORD_RETURN_IF_ERROR(FromDevice(buffer.ToDevice(bytes, {}, copy_queue(), &copies())));
  if (copies_) arrived_ = copies_->value();
  return absl::OkStatus();
}

absl::Status Lane::ToHost(const hal::StagedBuffer& buffer, uint64_t bytes) {
  const concord_point computed = compute_.last();
  const auto after = copies_ ? absl::Span<const concord_point>(&computed, 1) : absl::Span<const concord_point>();
  return FromDevice(buffer.ToHost(bytes, after, copy_queue(), &copies()));
}

template <typename Args>
absl::Status Lane::Beside(Args args, absl::Status (hal::Device::*call)(const Args&) const) {
  const concord_point before = copies().last(), done = copies().next();
  args.waits = {&before, 1}, args.signals = {&done, 1};
  args.queue_index = copy_queue();
  absl::Status status = (*device_.*call)(args);
  if (absl::IsResourceExhausted(status)) {  // the queue is full, of our copies more likely than of steps
    CONCORD_RETURN_IF_ERROR(FromDevice(copies().Wait()));
    status = (*device_.*call)(args);
  }
  CONCORD_RETURN_IF_ERROR(FromDevice(status));
  copies().Advance();
  return absl::OkStatus();
}

template absl::Status Lane::Beside(hal::CopyArgs, absl::Status (hal::Device::*)(const hal::CopyArgs&) const);
template absl::Status Lane::Beside(hal::StateArgs, absl::Status (hal::Device::*)(const hal::StateArgs&) const);

absl::Status Lane::Wait(const Moment& moment) const {
  absl::Status status = compute_.Wait(moment.compute);
  if (copies_) status.Update(copies_->Wait(moment.copies));
  return status;
}

absl::Status Lane::BeginAnew() {
  failed_.push_back(std::make_unique<hal::Chain>(std::move(compute_)));
  if (copies_) failed_.push_back(std::move(copies_));
  CONCORD_RETURN_IF_ERROR(MakeChains());
  for (hal::Chain* chain : {&compute_, copies_.get()}) {
    if (chain == nullptr) continue;
    const concord_point signal = chain->next();
    CONCORD_RETURN_IF_ERROR(device_->Barrier({}, {&signal, 1}, chain == &compute_ ? 0 : 1));
    chain->Advance();
  }
  const absl::Status status = WaitForAll();
  if (status.ok()) failed_.clear();
  return status;
}

}  // namespace concord::exec
