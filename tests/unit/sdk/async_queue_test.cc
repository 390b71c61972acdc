#include "backends/sdk/async_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace concord::sdk {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

// A device that runs each launch when the test lets it.
class FakeDriver final : public AsyncDriver {
 public:
  Status Launch(const Work&, uint64_t ticket) override {
    if (refuse_.load()) return Error(CONCORD_RESOURCE_EXHAUSTED, "no room for ticket ", ticket);
    launched_.store(ticket);
    return Ok();
  }
  Status Wait(uint64_t ticket) override {
    for (uint64_t done; (done = allowed_.load()) < ticket;) allowed_.wait(done);
    return ticket == fails_.load() ? Error(CONCORD_DATA_LOSS, "ticket ", ticket, " went wrong") : Ok();
  }

  void Allow(uint64_t tickets) {
    allowed_.store(tickets);
    allowed_.notify_all();
  }
  uint64_t launched() const { return launched_.load(); }
  void Fail(uint64_t ticket) { fails_.store(ticket); }
  void Refuse(bool refuse) { refuse_.store(refuse); }

 private:
  std::atomic<uint64_t> allowed_{0}, launched_{0}, fails_{0};
  std::atomic<bool> refuse_{false};
};

class AsyncQueueTest : public testing::Test {
 protected:
  ~AsyncQueueTest() override { driver_.Allow(UINT64_MAX); }

  static concord_point At(AsyncSemaphore& semaphore, uint64_t value) {
    return {reinterpret_cast<concord_semaphore*>(static_cast<Semaphore*>(&semaphore)), value};
  }
  Status Push(std::vector<concord_point> waits, std::vector<concord_point> signals) {
    return queue_.Push(ArrayOf(waits), ArrayOf(signals), [](Work* work) {
      work->kind = Work::Kind::kBarrier;
      return Ok();
    });
  }
  bool Launches(uint64_t ticket) {
    for (int i = 0; i < 1000 && driver_.launched() < ticket; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return driver_.launched() >= ticket;
  }

  AsyncScheduler scheduler_;
  FakeDriver driver_;
  AsyncSemaphore a_{&scheduler_, 0}, b_{&scheduler_, 0};
  AsyncQueue queue_{&scheduler_, &driver_};  // before the driver ends, after the semaphores that it signals
};

TEST_F(AsyncQueueTest, SignalsWhenTheDeviceIsDone) {
  ASSERT_TRUE(Push({}, {At(a_, 1)}).ok());
  EXPECT_EQ(driver_.launched(), 1u);
  EXPECT_EQ(a_.Wait(1, 1000).code, CONCORD_DEADLINE_EXCEEDED);
  EXPECT_TRUE(queue_.Busy());
  driver_.Allow(1);
  EXPECT_TRUE(a_.Wait(1, 10 * kSecond).ok());
  EXPECT_FALSE(queue_.Busy());
}

// What waits only for earlier work of the same queue goes to the device at once.
TEST_F(AsyncQueueTest, LaunchesStepsBehindEachOther) {
  ASSERT_TRUE(Push({}, {At(a_, 1)}).ok());
  ASSERT_TRUE(Push({At(a_, 1)}, {At(a_, 2)}).ok());
  EXPECT_EQ(driver_.launched(), 2u);
  driver_.Allow(2);
  EXPECT_TRUE(a_.Wait(2, 10 * kSecond).ok());
}

TEST_F(AsyncQueueTest, WaitsBeforeTheSignalIsSubmitted) {
  ASSERT_TRUE(Push({At(b_, 1)}, {At(a_, 1)}).ok());
  EXPECT_EQ(driver_.launched(), 0u);
  ASSERT_TRUE(Push({}, {At(b_, 1)}).ok());  // passes it
  EXPECT_EQ(driver_.launched(), 2u);
  driver_.Allow(2);
  EXPECT_TRUE(a_.Wait(1, 10 * kSecond).ok());
}

TEST_F(AsyncQueueTest, TheHostsSignalLaunches) {
  ASSERT_TRUE(Push({At(b_, 3)}, {At(a_, 1)}).ok());
  EXPECT_EQ(driver_.launched(), 0u);
  ASSERT_TRUE(b_.Signal(3).ok());
  EXPECT_TRUE(Launches(1));
}

TEST_F(AsyncQueueTest, AFailedWaitFailsTheSignals) {
  ASSERT_TRUE(Push({At(b_, 1)}, {At(a_, 1)}).ok());
  b_.Fail(Error(CONCORD_ABORTED, "given up"));
  const Status status = a_.Wait(1, 10 * kSecond);
  EXPECT_EQ(status.code, CONCORD_ABORTED);
  EXPECT_EQ(driver_.launched(), 0u);
}

// The second ran on what the first has not computed.
TEST_F(AsyncQueueTest, AFailureReachesWhatWasLaunchedBehindIt) {
  driver_.Fail(1);
  ASSERT_TRUE(Push({}, {At(a_, 1)}).ok());
  ASSERT_TRUE(Push({At(a_, 1)}, {At(b_, 1)}).ok());
  ASSERT_EQ(driver_.launched(), 2u);
  driver_.Allow(2);
  EXPECT_EQ(a_.Wait(1, 10 * kSecond).code, CONCORD_DATA_LOSS);
  EXPECT_EQ(b_.Wait(1, 10 * kSecond).code, CONCORD_DATA_LOSS);
}

TEST_F(AsyncQueueTest, ALaunchThatIsRefusedFailsItsSignalsOnly) {
  driver_.Refuse(true);
  ASSERT_TRUE(Push({}, {At(a_, 1)}).ok());
  EXPECT_EQ(a_.Wait(1, 10 * kSecond).code, CONCORD_RESOURCE_EXHAUSTED);
  driver_.Refuse(false);
  ASSERT_TRUE(Push({}, {At(b_, 1)}).ok());
  driver_.Allow(2);
  EXPECT_TRUE(b_.Wait(1, 10 * kSecond).ok());
}

TEST_F(AsyncQueueTest, IsFullAtItsLimit) {
  Status status = Ok();
  size_t pushed = 0;
  for (; status.ok() && pushed <= AsyncQueue::kMaxPending; ++pushed) status = Push({At(b_, 1)}, {});
  EXPECT_EQ(status.code, CONCORD_RESOURCE_EXHAUSTED);
  b_.Fail(Error(CONCORD_CANCELLED, "enough"));
  EXPECT_TRUE(Push({}, {}).ok());
}

// Many semaphores signalled by a device and by host threads at once: for ThreadSanitizer above all.
TEST_F(AsyncQueueTest, ThreadsAndDevice) {
  driver_.Allow(UINT64_MAX);
  constexpr uint64_t kSteps = 300;
  std::thread host([&] {
    for (uint64_t step = 1; step <= kSteps; ++step) {
      EXPECT_TRUE(b_.Signal(step).ok());
      EXPECT_TRUE(a_.Wait(step, 20 * kSecond).ok());
    }
  });
  for (uint64_t step = 1; step <= kSteps; ++step) {
    Status status;
    do status = Push({At(b_, step)}, {At(a_, step)});
    while (status.code == CONCORD_RESOURCE_EXHAUSTED);
    EXPECT_TRUE(status.ok()) << status.message;
  }
  host.join();
  EXPECT_TRUE(a_.Wait(kSteps, 20 * kSecond).ok());
}

}  // namespace
}  // namespace concord::sdk
