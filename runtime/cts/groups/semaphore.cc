// Timelines: they only grow, fail for good, wake whoever waits, and may be waited for before anybody signals them.
#include <chrono>
#include <thread>

#include "runtime/cts/case.h"
#include "runtime/cts/rig.h"

namespace concord::cts {
namespace {

absl::Status Initial(Context& context) {
  for (const uint64_t initial : {uint64_t{0}, uint64_t{7}, uint64_t{1} << 40}) {
    CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore semaphore, context.device().CreateSemaphore(initial));
    CONCORD_ASSIGN_OR_RETURN(const uint64_t value, semaphore.Query());
    CONCORD_RETURN_IF_ERROR(Expect(value == initial, absl::StrCat("made at ", initial, ", says ", value)));
    CONCORD_RETURN_IF_ERROR(semaphore.Wait(initial, absl::ZeroDuration()));
  }
  return absl::OkStatus();
}

absl::Status Grows(Context& context) {
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore semaphore, context.device().CreateSemaphore(5));
  CONCORD_RETURN_IF_ERROR(semaphore.Signal(7));
  for (const uint64_t value : {7, 6, 0}) {
    CONCORD_RETURN_IF_ERROR(ExpectCode(semaphore.Signal(value), absl::StatusCode::kInvalidArgument,
                                       absl::StrCat("signal of ", value, " on a semaphore at 7")));
  }
  CONCORD_ASSIGN_OR_RETURN(const uint64_t value, semaphore.Query());
  CONCORD_RETURN_IF_ERROR(Expect(value == 7, absl::StrCat("is at ", value, ", want 7")));
  return semaphore.Wait(3, absl::ZeroDuration());
}

absl::Status TimesOut(Context& context) {
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore semaphore, context.device().CreateSemaphore());
  CONCORD_RETURN_IF_ERROR(ExpectCode(semaphore.Wait(1, absl::ZeroDuration()), absl::StatusCode::kDeadlineExceeded,
                                     "a wait without time for a value that is not reached"));
  const auto begin = std::chrono::steady_clock::now();
  CONCORD_RETURN_IF_ERROR(ExpectCode(semaphore.Wait(1, absl::Milliseconds(30)), absl::StatusCode::kDeadlineExceeded,
                                     "a wait of 30 ms for a value that is not reached"));
  const auto took = std::chrono::steady_clock::now() - begin;
  return Expect(took >= std::chrono::milliseconds(29), "a wait of 30 ms ended earlier");
}

// A thread of its own waits while this one acts.
absl::Status WakesWaiter(Context& context, const absl::Status& failure) {
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore semaphore, context.device().CreateSemaphore());
  absl::Status waited;
  std::thread waiter([&] { waited = semaphore.Wait(2, kSoon); });
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  absl::Status acted = semaphore.Signal(1);
  if (!failure.ok()) {
    semaphore.Fail(failure);
  } else {
    acted.Update(semaphore.Signal(3));
  }
  waiter.join();
  CONCORD_RETURN_IF_ERROR(acted);
  return failure.ok() ? waited : ExpectCode(waited, failure.code(), "a wait for a semaphore that failed meanwhile");
}

absl::Status SignalWakes(Context& context) { return WakesWaiter(context, absl::OkStatus()); }
absl::Status FailWakes(Context& context) { return WakesWaiter(context, absl::DataLossError("injected")); }

absl::Status FailureIsSticky(Context& context) {
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore semaphore, context.device().CreateSemaphore(2));
  semaphore.Fail(absl::DataLossError("injected: the first"));
  semaphore.Fail(absl::AbortedError("injected: the second"));
  for (const auto& [status, what] : {std::pair{semaphore.Query().status(), "query"},
                                     {semaphore.Wait(1, kSoon), "wait for a value that was reached"},
                                     {semaphore.Wait(9, kSoon), "wait"},
                                     {semaphore.Signal(10), "signal"}}) {
    CONCORD_RETURN_IF_ERROR(
        ExpectCode(status, absl::StatusCode::kDataLoss, absl::StrCat(what, " of a failed semaphore")));
    CONCORD_RETURN_IF_ERROR(
        Expect(status.message().find("injected: the first") != absl::string_view::npos,
               absl::StrCat(what, " of a failed semaphore says '", status.message(), "', want the first reason")));
  }
  return absl::OkStatus();
}

// Work that waits is submitted first, and what it waits for is submitted, then signalled, after.
absl::Status WaitBeforeSignal(Context& context) {
  if (!context.device().info().has(CONCORD_DEVICE_ASYNC)) {
    return Skipped("the device does not say CONCORD_DEVICE_ASYNC: the host holds its submissions back");
  }
  Rig rig(context.device());
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* gate, rig.MakeSemaphore());
  CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
  const concord_point opened = gate->At(1), first = done->At(1), second = done->At(2);
  CONCORD_RETURN_IF_ERROR(context.device().Barrier({&first, 1}, {&second, 1}));
  CONCORD_RETURN_IF_ERROR(context.device().Barrier({&opened, 1}, {&first, 1}));
  CONCORD_RETURN_IF_ERROR(ExpectCode(done->Wait(1, absl::Milliseconds(20)), absl::StatusCode::kDeadlineExceeded,
                                     "work that waits for a semaphore that nobody has signalled"));
  CONCORD_RETURN_IF_ERROR(gate->Signal(1));
  return Annotate(done->Wait(2, kSoon), "the waits were signalled after the work that waits was submitted");
}

}  // namespace

CONCORD_DEFINE_CTS_GROUP(semaphore) {
  return {.name = "semaphore", .step = 3, .cases = [] {
            return std::vector<Case>{StatusCase("semaphore/initial", Initial),
                                     StatusCase("semaphore/grows", Grows),
                                     StatusCase("semaphore/times_out", TimesOut),
                                     StatusCase("semaphore/signal_wakes_waiter", SignalWakes),
                                     StatusCase("semaphore/fail_wakes_waiter", FailWakes),
                                     StatusCase("semaphore/failure_is_sticky", FailureIsSticky),
                                     StatusCase("semaphore/wait_before_signal", WaitBeforeSignal)};
          }};
}

}  // namespace concord::cts
