// What goes wrong stays where it belongs, says what it was, and leaves nothing behind.
#include "concord/fault.h"

#include "runtime/cts/add_program.h"
#include "runtime/cts/case.h"
#include "runtime/hal/import.h"
#include "runtime/hal/status.h"

namespace concord::cts {
namespace {

// Work behind work behind a semaphore that fails: copy, program where there is one, barrier.
absl::Status FailurePropagates(Context& context) {
  const hal::Device& device = context.device();
  Rig rig(device);
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* cause, rig.MakeSemaphore());
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* copied, rig.MakeSemaphore());
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* last, rig.MakeSemaphore());
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* source, rig.MakeBuffer(std::string(64, 's')));
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* target, rig.MakeBuffer(std::string(64, 't')));
  const concord_point wait = cause->At(1), middle = copied->At(1), end = last->At(1);
  const auto enqueue = [&]() -> absl::Status {
    CONCORD_RETURN_IF_ERROR(device.Copy(
        {.source = source, .target = target, .size_bytes = 64, .waits = {&wait, 1}, .signals = {&middle, 1}}));
    return device.Barrier({&middle, 1}, {&end, 1});
  };
  // A device that is not asynchronous is given only what can run.
  const bool async = device.info().has(CONCORD_DEVICE_ASYNC);
  if (async) CONCORD_RETURN_IF_ERROR(enqueue());
  cause->Fail(absl::DataLossError("injected"));
  if (!async) CONCORD_RETURN_IF_ERROR(enqueue());
  for (const hal::Semaphore* semaphore : {copied, last}) {
    const absl::Status status = semaphore->Wait(1, kSoon);
    CONCORD_RETURN_IF_ERROR(
        ExpectCode(status, absl::StatusCode::kDataLoss, "a signal of work that waits for a failure"));
    CONCORD_RETURN_IF_ERROR(Expect(status.message().find("injected") != absl::string_view::npos,
                                   absl::StrCat("it fails with '", status.message(), "', want the first reason")));
  }
  CONCORD_ASSIGN_OR_RETURN(const std::string got, ReadAll(*target));
  return ExpectBytes(got, std::string(64, 't'), "the target of a copy that should not have run");
}

absl::Status FailureStopsProgram(Context& context) {
  CONCORD_ASSIGN_OR_RETURN(const AddProgram add, AddProgram::Create(context.device()));
  CONCORD_ASSIGN_OR_RETURN(const hal::Prepared prepared, add.Prepare(3));
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(const AddProgram::Step step, add.MakeStep(rig, prepared, 3, context.seed()));
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* cause, rig.MakeSemaphore());
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
  cause->Fail(absl::AbortedError("injected"));
  const concord_point wait = cause->At(1), signal = done->At(1);
  CONCORD_RETURN_IF_ERROR(context.device().Submit({.prepared = &prepared,
                                                   .values = {&step.rows, 1},
                                                   .bindings = step.bindings,
                                                   .waits = {&wait, 1},
                                                   .signals = {&signal, 1}}));
  CONCORD_RETURN_IF_ERROR(
      ExpectCode(done->Wait(1, kSoon), absl::StatusCode::kAborted, "a program that waits for a failed semaphore"));
  return add.Check(step, 0);
}

// Used bytes where the plugin counts them, else 0.
uint64_t UsedBytes(const hal::Device& device) {
  const absl::StatusOr<concord_memory_stats> stats = device.MemoryStats();
  return stats.ok() ? stats->used_bytes : 0;
}

// The device still does what it did before.
absl::Status StillWorks(const hal::Device& device) {
  Rig rig(device);
  CONCORD_ASSIGN_OR_RETURN(const hal::Buffer* buffer, rig.MakeBuffer(std::string("still here")));
  CONCORD_ASSIGN_OR_RETURN(const std::string got, ReadAll(*buffer));
  return ExpectBytes(got, "still here", "a buffer after the fault");
}

absl::Status OutOfMemory(Context& context) {
  const hal::Device& device = context.device();
  const uint64_t before = UsedBytes(device);
  for (const uint64_t bytes : {uint64_t{1} << 60, UINT64_MAX - 63}) {
    for (const int32_t usage : {CONCORD_BUFFER_DEVICE, CONCORD_BUFFER_STAGING}) {
      concord_buffer_desc desc = hal::Sized<concord_buffer_desc>();
      desc.usage = usage;
      desc.size_bytes = bytes;
      desc.align_bytes = 64;
      concord_error error = hal::NoError();
      concord_buffer* buffer = nullptr;
      const int32_t code = device.api().buffer_create(device.get(), &desc, &buffer, &error);
      if (code == CONCORD_OK) device.api().buffer_destroy(buffer);
      const std::string what = absl::StrCat("a buffer of ", bytes, " bytes");
      CONCORD_RETURN_IF_ERROR(
          ExpectCode(hal::ToStatus(code, error, "buffer_create"), absl::StatusCode::kResourceExhausted, what));
      CONCORD_RETURN_IF_ERROR(
          Expect(absl::string_view(error.message).find(std::to_string(bytes)) != absl::string_view::npos,
                 absl::StrCat(what, " fails with '", error.message, "', which does not say how much was wanted")));
    }
  }
  const uint64_t after = UsedBytes(device);
  CONCORD_RETURN_IF_ERROR(
      Expect(after == before, absl::StrCat("used_bytes went from ", before, " to ", after, " by refused buffers")));
  return StillWorks(device);
}

absl::StatusOr<concord_fault_api> FaultsOf(const hal::Device& device) {
  const void* table = device.instance().GetExtension(CONCORD_FAULT_EXTENSION);
  if (table == nullptr) return Skipped("not simulated: the plugin has no " CONCORD_FAULT_EXTENSION);
  return hal::Import(static_cast<const concord_fault_api*>(table));
}

// What every member of the table looks like.
template <typename Fault, typename... Args>
absl::Status Inject(const hal::Device& device, Fault fault, Args... args) {
  if (fault == nullptr) return Skipped("not simulated: this member of " CONCORD_FAULT_EXTENSION " is NULL");
  concord_error error = hal::NoError();
  return hal::ToStatus(fault(device.get(), args..., &error), error, "injecting a fault");
}

absl::Status AllocationFails(Context& context) {
  CONCORD_ASSIGN_OR_RETURN(const concord_fault_api faults, FaultsOf(context.device()));
  CONCORD_ASSIGN_OR_RETURN(const std::shared_ptr<hal::Device> device, context.OpenDevice());
  const uint64_t before = UsedBytes(*device);
  CONCORD_RETURN_IF_ERROR(Inject(*device, faults.fail_allocations, uint32_t{1}));
  CONCORD_RETURN_IF_ERROR(ExpectCode(device->CreateBuffer(100).status(), absl::StatusCode::kResourceExhausted,
                                     "a buffer when memory has run out"));
  CONCORD_RETURN_IF_ERROR(Inject(*device, faults.fail_allocations, uint32_t{1}));
  const float one = 1;
  concord_constant_desc desc{};
  desc.type = {{"f32", 3}, CONCORD_STORAGE_F32, 1, sizeof(float), 0};
  desc.dims[0] = desc.rank = 1;
  desc.row_stride_bytes = desc.host_size_bytes = sizeof(one);
  desc.host_data = &one;
  CONCORD_RETURN_IF_ERROR(ExpectCode(device->CreateConstant(desc).status(), absl::StatusCode::kResourceExhausted,
                                     "a constant when memory has run out"));
  CONCORD_RETURN_IF_ERROR(Expect(UsedBytes(*device) == before, "a failed allocation is still counted"));
  return StillWorks(*device);
}

absl::Status ExecutionFails(Context& context) {
  CONCORD_ASSIGN_OR_RETURN(const concord_fault_api faults, FaultsOf(context.device()));
  CONCORD_ASSIGN_OR_RETURN(const std::shared_ptr<hal::Device> device, context.OpenDevice());
  CONCORD_ASSIGN_OR_RETURN(const AddProgram add, AddProgram::Create(*device));
  CONCORD_ASSIGN_OR_RETURN(const hal::Prepared prepared, add.Prepare(3));
  Rig rig(*device);
  CONCORD_ASSIGN_OR_RETURN(const AddProgram::Step step, add.MakeStep(rig, prepared, 3, context.seed()));
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* failed, rig.MakeSemaphore());
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
  CONCORD_RETURN_IF_ERROR(Inject(*device, faults.fail_execution));
  for (const auto& [semaphore, want] :
       {std::pair{failed, absl::StatusCode::kDataLoss}, {done, absl::StatusCode::kOk}}) {
    const concord_point signal = semaphore->At(1);
    CONCORD_RETURN_IF_ERROR(device->Submit(
        {.prepared = &prepared, .values = {&step.rows, 1}, .bindings = step.bindings, .signals = {&signal, 1}}));
    const char* what = want == absl::StatusCode::kOk ? "the work after a fault" : "work that has a fault";
    CONCORD_RETURN_IF_ERROR(ExpectCode(semaphore->Wait(1, kSoon), want, what));
  }
  return add.Check(step, 3);
}

// Queued work fails, new work fails, and everything can be put away.
absl::Status DeviceLost(Context& context) {
  CONCORD_RETURN_IF_ERROR(FaultsOf(context.device()).status());
  CONCORD_ASSIGN_OR_RETURN(const Context::Fresh fresh, context.OpenFresh());
  {
    CONCORD_ASSIGN_OR_RETURN(const std::shared_ptr<hal::Device> device, fresh.OpenDevice());
    CONCORD_ASSIGN_OR_RETURN(const concord_fault_api faults, FaultsOf(*device));
    Rig rig(*device);
    CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* gate, rig.MakeSemaphore());
    CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* queued, rig.MakeSemaphore());
    CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* late, rig.MakeSemaphore());
    const concord_point wait = gate->At(1), signal = queued->At(1), after = late->At(1);
    if (device->info().has(CONCORD_DEVICE_ASYNC)) CONCORD_RETURN_IF_ERROR(device->Barrier({&wait, 1}, {&signal, 1}));
    CONCORD_RETURN_IF_ERROR(Inject(*device, faults.lose_device));
    CONCORD_RETURN_IF_ERROR(gate->Signal(1));
    if (device->info().has(CONCORD_DEVICE_ASYNC)) {
      CONCORD_RETURN_IF_ERROR(ExpectCode(queued->Wait(1, kSoon), absl::StatusCode::kUnavailable,
                                         "work that was queued when the device went"));
    }
    absl::Status submitted = device->Barrier({}, {&after, 1});
    if (submitted.ok()) submitted = late->Wait(1, kSoon);
    CONCORD_RETURN_IF_ERROR(ExpectCode(submitted, absl::StatusCode::kUnavailable, "work for a device that is lost"));
    CONCORD_RETURN_IF_ERROR(ExpectCode(device->CreateBuffer(100).status(), absl::StatusCode::kUnavailable,
                                       "a buffer on a device that is lost"));
  }
  const std::string complaints = fresh.complaints->Take();
  CONCORD_RETURN_IF_ERROR(Expect(complaints.empty(), complaints));
  return StillWorks(context.device());
}

}  // namespace

CONCORD_DEFINE_CTS_GROUP(faults) {
  return {.name = "faults", .step = 8, .cases = [] {
            return std::vector<Case>{StatusCase("faults/failure_propagates", FailurePropagates),
                                     StatusCase("faults/failure_stops_program", FailureStopsProgram),
                                     StatusCase("faults/out_of_memory", OutOfMemory),
                                     StatusCase("faults/allocation_fails", AllocationFails),
                                     StatusCase("faults/execution_fails", ExecutionFails),
                                     StatusCase("faults/device_lost", DeviceLost)};
          }};
}

}  // namespace concord::cts
