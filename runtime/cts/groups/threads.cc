// Threads: objects are made, signalled and destroyed from many at once, and devices work beside each other.
#include <functional>
#include <thread>

#include "runtime/cts/add_program.h"
#include "runtime/cts/case.h"
#include "runtime/hal/import.h"
#include "runtime/hal/status.h"

namespace concord::cts {
namespace {

constexpr int kThreads = 4;

// Runs `body` on each of kThreads threads; the first error.
absl::Status OnThreads(const std::function<absl::Status(int)>& body) {
  std::vector<absl::Status> ended(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back([&, t] { ended[static_cast<size_t>(t)] = body(t); });
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& status : ended) CONCORD_RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

absl::Status CreateAndDestroy(Context& context) {
  return OnThreads([&](int t) -> absl::Status {
    for (int i = 0; i < 50; ++i) {
      CONCORD_ASSIGN_OR_RETURN(const hal::Buffer buffer,
                               context.device().CreateBuffer(1000 + 64 * static_cast<uint64_t>(t)));
      CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore semaphore, context.device().CreateSemaphore());
      CONCORD_RETURN_IF_ERROR(semaphore.Signal(1));
      CONCORD_RETURN_IF_ERROR(semaphore.Wait(1, kSoon));
    }
    return absl::OkStatus();
  });
}

absl::Status CompileAtOnce(Context& context) {
  return OnThreads([&](int t) -> absl::Status {
    for (int i = 0; i < 5; ++i) {
      CONCORD_ASSIGN_OR_RETURN(const AddProgram add, AddProgram::Create(context.device(), 1 + t % 2));
      CONCORD_RETURN_IF_ERROR(add.Prepare(3).status());
    }
    return absl::OkStatus();
  });
}

// Straight into the plugin: hal::Device has a lock around its queues, and what is looked at here is the plugin's side.
absl::Status SubmitTo(const hal::Device& device, uint32_t queue, const AddProgram& add, uint64_t seed) {
  CONCORD_ASSIGN_OR_RETURN(const hal::Prepared prepared, add.Prepare(7));
  for (uint64_t i = 0; i < 30; ++i) {
    Rig rig(device);
    CONCORD_ASSIGN_OR_RETURN(const AddProgram::Step step, add.MakeStep(rig, prepared, 7, seed + i));
    CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
    const concord_point signal = done->At(1);
    concord_submit_args args = hal::Sized<concord_submit_args>();
    args.queue_index = queue;
    args.prepared = prepared.get();
    args.values = {&step.rows, 1, sizeof(step.rows)};
    args.bindings = hal::ArrayOf(step.bindings);
    args.signals = {&signal, 1, sizeof(signal)};
    concord_error error = hal::NoError();
    CONCORD_RETURN_IF_ERROR(hal::ToStatus(device.api().queue_submit(device.get(), &args, &error), error, "submit"));
    CONCORD_RETURN_IF_ERROR(done->Wait(1, kSoon));
    CONCORD_RETURN_IF_ERROR(add.Check(step, 7));
  }
  return absl::OkStatus();
}

absl::Status DevicesAtOnce(Context& context) {
  return OnThreads([&](int t) -> absl::Status {
    CONCORD_ASSIGN_OR_RETURN(const std::shared_ptr<hal::Device> device, context.OpenDevice());
    CONCORD_ASSIGN_OR_RETURN(const AddProgram add, AddProgram::Create(*device));
    return SubmitTo(*device, 0, add, context.seed() + 1000 * static_cast<uint64_t>(t));
  });
}

// A thread a queue, beside queue 0, which hal uses for reads and writes.
absl::Status QueuesAtOnce(Context& context) {
  const uint32_t queues = context.device().info().queue_count;
  if (queues < 2) return Skipped("the device has one queue");
  return OnThreads([&](int t) -> absl::Status {
    const uint32_t queue = static_cast<uint32_t>(t) + 1;
    if (queue >= queues) return absl::OkStatus();
    CONCORD_ASSIGN_OR_RETURN(const AddProgram add, AddProgram::Create(context.device()));
    return SubmitTo(context.device(), queue, add, context.seed() + uint64_t{1000} * queue);
  });
}

// Many threads wait for what one signals, each for a value of its own.
absl::Status ManyWaiters(Context& context) {
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* semaphore, rig.MakeSemaphore());
  absl::Status signalled;
  std::thread signaller([&] {
    for (uint64_t value = 1; value <= 100 * kThreads; ++value) signalled.Update(semaphore->Signal(value));
  });
  const absl::Status waited = OnThreads([&](int t) -> absl::Status {
    for (uint64_t i = 0; i < 100; ++i) {
      CONCORD_RETURN_IF_ERROR(semaphore->Wait(1 + i * kThreads + static_cast<uint64_t>(t), kSoon));
    }
    return absl::OkStatus();
  });
  signaller.join();
  CONCORD_RETURN_IF_ERROR(signalled);
  return waited;
}

}  // namespace

CONCORD_DEFINE_CTS_GROUP(threads) {
  return {.name = "threads", .step = 11, .cases = [] {
            return std::vector<Case>{StatusCase("threads/create_and_destroy", CreateAndDestroy),
                                     StatusCase("threads/many_waiters", ManyWaiters),
                                     StatusCase("threads/compile_at_once", CompileAtOnce),
                                     StatusCase("threads/devices_at_once", DevicesAtOnce),
                                     StatusCase("threads/queues_at_once", QueuesAtOnce)};
          }};
}

}  // namespace concord::cts
