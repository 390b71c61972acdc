// When things happen on simulated devices, to the nanosecond.
#include <chrono>
#include <thread>

#include "tests/unit/sim/sim_testing.h"

namespace concord::sim {
namespace {

using std::vector;

class Time : public SimTest {
 protected:
  void SetUp() override { Start(kRound); }
  hal::Semaphore Make(size_t on = 0) { return *device(on).CreateSemaphore(); }
};

TEST_F(Time, OfACopyAFillAndABarrier) {
  const hal::Semaphore s = Make();
  EXPECT_EQ(Now(), 0u);
  Copy(0, 1000, {}, {s.At(1)});
  EXPECT_EQ(Now(), 0u);  // submitting takes no time
  ASSERT_TRUE(s.Wait(1).ok());
  EXPECT_EQ(Now(), 2000u);
  const hal::Buffer buffer = *device().CreateBuffer(400);
  const concord_point filled = s.At(2), barrier = s.At(3);
  ASSERT_TRUE(device().Fill({.target = &buffer, .size_bytes = 400, .signals = {&filled, 1}}).ok());
  ASSERT_TRUE(s.Wait(2).ok());
  EXPECT_EQ(Now(), 2000u + 2400);
  ASSERT_TRUE(device().Barrier({}, {&barrier, 1}).ok());
  ASSERT_TRUE(s.Wait(3).ok());
  EXPECT_EQ(Now(), 4400u);
}

TEST_F(Time, AQueueDoesOneThingAfterTheOther) {
  const hal::Semaphore a = Make(), b = Make();
  Copy(0, 1000, {}, {a.At(1)});
  Copy(0, 3000, {}, {b.At(1)});
  ASSERT_TRUE(b.Wait(1).ok());
  EXPECT_EQ(Now(), 2000u + 4000);
  ASSERT_TRUE(a.Wait(1).ok());  // long ago
  EXPECT_EQ(Now(), 6000u);
}

TEST_F(Time, QueuesAndDevicesOverlap) {
  const hal::Semaphore a = Make(0), b = Make(0), c = Make(1);
  Copy(0, 1000, {}, {a.At(1)}, 0);
  Copy(0, 3000, {}, {b.At(1)}, 1);
  Copy(1, 9000, {}, {c.At(1)}, 0);
  ASSERT_TRUE(a.Wait(1).ok());
  EXPECT_EQ(Now(), 2000u);
  ASSERT_TRUE(b.Wait(1).ok());
  EXPECT_EQ(Now(), 4000u);
  ASSERT_TRUE(c.Wait(1).ok());
  EXPECT_EQ(Now(), 10000u);
}

TEST_F(Time, WorkBeginsWhenItIsSubmitted) {
  const hal::Semaphore s = Make();
  Advance(700);
  Copy(0, 1000, {}, {s.At(1)});
  ASSERT_TRUE(s.Wait(1).ok());
  EXPECT_EQ(Now(), 2700u);
  Advance(300);
  Copy(0, 1000, {}, {s.At(2)});
  ASSERT_TRUE(s.Wait(2).ok());
  EXPECT_EQ(Now(), 5000u);
}

TEST_F(Time, WorkWaitsForOtherQueuesAndDevices) {
  const hal::Semaphore a = Make(0), b = Make(0), c = Make(1);
  Copy(1, 0, {b.At(1)}, {c.At(1)});  // submitted before what it waits for
  Copy(0, 2000, {a.At(1)}, {b.At(1)}, 1);
  Copy(0, 1000, {}, {a.At(1)}, 0);
  ASSERT_TRUE(c.Wait(1).ok());
  EXPECT_EQ(Now(), 2000u + 3000 + 1000);
}

// As a pipeline does it whose devices know nothing of each other: two batches through two devices.
TEST_F(Time, TheHostHandsOverBetweenDevices) {
  const hal::Semaphore first = Make(0), second = Make(1);
  Copy(0, 4000, {}, {first.At(1)});  // 0 to 5
  Copy(0, 4000, {}, {first.At(2)});  // 5 to 10
  ASSERT_TRUE(first.Wait(1).ok());
  Copy(1, 2000, {}, {second.At(1)});  // 5 to 8, while the other works on
  ASSERT_TRUE(first.Wait(2).ok());
  EXPECT_EQ(Now(), 10000u);
  Copy(1, 2000, {}, {second.At(2)});
  ASSERT_TRUE(second.Wait(2).ok());
  EXPECT_EQ(Now(), 13000u);
}

TEST_F(Time, TheHostsSignalCarriesItsTime) {
  const hal::Semaphore go = Make(), done = Make();
  Copy(0, 1000, {go.At(5)}, {done.At(1)});
  Advance(10000);
  ASSERT_TRUE(go.Signal(5).ok());
  Advance(1);
  ASSERT_TRUE(done.Wait(1).ok());
  EXPECT_EQ(Now(), 12000u);
}

TEST_F(Time, EveryThreadHasItsOwn) {
  const hal::Semaphore go = Make(), done = Make();
  Copy(0, 1000, {go.At(1)}, {done.At(1)});
  std::thread([&] {
    EXPECT_EQ(Now(), 0u);
    Advance(50000);
    EXPECT_TRUE(go.Signal(1).ok());
  }).join();
  EXPECT_EQ(Now(), 0u);
  ASSERT_TRUE(go.Wait(1).ok());
  EXPECT_EQ(Now(), 50000u);
  ASSERT_TRUE(done.Wait(1).ok());
  EXPECT_EQ(Now(), 52000u);
}

TEST_F(Time, AnotherThreadMaySignalLater) {
  const hal::Semaphore go = Make(), done = Make();
  std::thread waiter([&] {
    EXPECT_TRUE(done.Wait(1).ok());
    EXPECT_EQ(Now(), 2000u);
  });
  Copy(0, 1000, {go.At(1)}, {done.At(1)});
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ASSERT_TRUE(go.Signal(1).ok());
  waiter.join();
}

// Only where nothing else could go on.
TEST_F(Time, WorkIsPassedByWhatItNeeds) {
  const hal::Semaphore a = Make(), b = Make();
  Copy(0, 1000, {b.At(1)}, {a.At(1)});
  Copy(0, 3000, {}, {b.At(1)});
  ASSERT_TRUE(a.Wait(1).ok());
  EXPECT_EQ(Now(), 4000u + 2000);
}
TEST_F(Time, WorkIsNotPassedByWhatCouldGoFirst) {
  const hal::Semaphore a = Make(0), b = Make(0), other = Make(1);
  Copy(0, 1000, {other.At(1)}, {a.At(1)});
  Copy(0, 3000, {}, {b.At(1)});
  Copy(1, 8000, {}, {other.At(1)});
  ASSERT_TRUE(b.Wait(1).ok());
  EXPECT_EQ(Now(), 9000u + 2000 + 4000);
}

TEST_F(Time, TimeoutsAreInVirtualTime) {
  const hal::Semaphore s = Make();
  Copy(0, 1000, {}, {s.At(1)});
  EXPECT_EQ(s.Wait(1, absl::Nanoseconds(1500)).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Now(), 1500u);
  EXPECT_TRUE(s.Wait(1, absl::Nanoseconds(500)).ok());
  EXPECT_EQ(Now(), 2000u);
  EXPECT_EQ(s.Wait(2, absl::Milliseconds(3)).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Now(), 3'002'000u);
}

TEST_F(Time, APollSeesWhatIsDone) {
  const hal::Semaphore s = Make();
  Copy(0, 1000, {}, {s.At(7)});
  EXPECT_EQ(*s.Query(), 7u);
  EXPECT_EQ(Now(), 2000u);
  EXPECT_EQ(s.Wait(8, absl::ZeroDuration()).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Now(), 2000u);
}

TEST_F(Time, AFailureHasATimeToo) {
  const hal::Semaphore cause = Make(), done = Make();
  Advance(400);
  Copy(0, 1000, {cause.At(1)}, {done.At(1)});
  Advance(600);
  cause.Fail(absl::DataLossError("injected"));
  Advance(1);
  EXPECT_EQ(done.Wait(1).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Now(), 1001u);
  std::thread([&] {
    EXPECT_EQ(done.Wait(1).code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(Now(), 1000u);
  }).join();
}

TEST_F(Time, BeginsAnew) {
  const hal::Semaphore go = Make(), s = Make();
  Copy(0, 1000, {go.At(1)}, {s.At(1)});
  EXPECT_EQ(Reset().code(), absl::StatusCode::kFailedPrecondition);
  Advance(5000);
  ASSERT_TRUE(go.Signal(1).ok());
  ASSERT_TRUE(Reset().ok());  // what was ready has run
  EXPECT_EQ(Now(), 0u);
  ASSERT_TRUE(s.Wait(1).ok());
  EXPECT_EQ(Now(), 0u);
  Copy(0, 1000, {go.At(1)}, {s.At(2)});
  ASSERT_TRUE(s.Wait(2).ok());
  EXPECT_EQ(Now(), 2000u);
}

TEST_F(Time, TheEndOfEverythingIsKnownBeforeAnyoneWaits) {
  const hal::Semaphore s = Make();
  Copy(0, 1000, {}, {s.At(1)});
  Copy(1, 5000, {s.At(1)}, {});
  EXPECT_EQ(FreeAt(), 2000u + 6000);
  EXPECT_EQ(Now(), 0u);
}

TEST_F(Time, AFullQueueRunsOn) {
  const hal::Semaphore s = Make();
  for (uint64_t i = 1; i <= 3000; ++i) Copy(0, 0, {}, {s.At(i)});
  ASSERT_TRUE(s.Wait(3000).ok());
  EXPECT_EQ(Now(), 3'000'000u);
}

// 100 ms on each of two devices at once.
class RealTime : public SimTest {};

TEST_F(RealTime, TakesThatLongAndOverlaps) {
  Start("clock=real; devices=2; copy_latency=0.1; copy_bandwidth=0");
  Trace(0);
  Trace(1);
  const hal::Semaphore a = *device(0).CreateSemaphore(), b = *device(1).CreateSemaphore();
  const auto begin = std::chrono::steady_clock::now();
  Copy(0, 100, {}, {a.At(1)});
  Copy(1, 100, {}, {b.At(1)});
  EXPECT_EQ(a.Wait(1, absl::Milliseconds(1)).code(), absl::StatusCode::kDeadlineExceeded);
  ASSERT_TRUE(a.Wait(1).ok());
  ASSERT_TRUE(b.Wait(1).ok());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(100));
  const vector<concord_trace_event> first = Events(0), second = Events(1);
  ASSERT_EQ(first.size(), 1u);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_GE(first[0].end_ticks - first[0].begin_ticks, 100'000'000u);
  EXPECT_LT(second[0].begin_ticks, first[0].end_ticks);
}

}  // namespace
}  // namespace concord::sim
