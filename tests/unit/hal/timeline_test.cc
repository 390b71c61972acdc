#include "backends/sdk/timeline.h"

#include <chrono>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace concord::sdk {
namespace {

TEST(TimelineTest, CallbacksRunOnceWhenTheirValueIsReached) {
  Monitor monitor;
  Timeline timeline(&monitor, 0);
  std::vector<int> calls;
  timeline.OnReached(2, [&](const Status& s) { calls.push_back(s.ok() ? 2 : -2); });
  timeline.OnReached(5, [&](const Status& s) { calls.push_back(s.ok() ? 5 : -5); });
  EXPECT_TRUE(timeline.Signal(1).ok());
  EXPECT_TRUE(calls.empty());
  EXPECT_TRUE(timeline.Signal(3).ok());
  EXPECT_EQ(calls, std::vector<int>{2});
  timeline.OnReached(3, [&](const Status& s) { calls.push_back(s.ok() ? 3 : -3); });  // already reached
  EXPECT_EQ(calls, (std::vector<int>{2, 3}));
  timeline.Fail(Error(CONCORD_ABORTED, "gone"));
  timeline.Fail(Error(CONCORD_INTERNAL, "too late"));
  EXPECT_EQ(calls, (std::vector<int>{2, 3, -5}));
  timeline.OnReached(1, [&](const Status& s) { calls.push_back(s.code); });
  EXPECT_EQ(calls.back(), CONCORD_ABORTED);
}

TEST(TimelineTest, WaitsFromManyThreads) {
  Monitor monitor;
  Timeline a(&monitor, 0), b(&monitor, 0);
  std::vector<std::thread> threads;
  for (uint64_t v = 1; v <= 4; ++v) {
    threads.emplace_back([&, v] {
      EXPECT_TRUE(a.Wait(v * 10, CONCORD_WAIT_FOREVER).ok());
      EXPECT_EQ(b.Wait(v, uint64_t{20} * 1000000000).code, CONCORD_DATA_LOSS);
    });
  }
  for (uint64_t v = 1; v <= 40; ++v) EXPECT_TRUE(a.Signal(v).ok());
  b.Fail(Error(CONCORD_DATA_LOSS, "lost"));
  for (std::thread& t : threads) t.join();
}

TEST(TimelineTest, TimeoutsEndAndHugeOnesDoNotOverflow) {
  Monitor monitor;
  Timeline timeline(&monitor, 1);
  EXPECT_EQ(timeline.Wait(2, 1000000).code, CONCORD_DEADLINE_EXCEEDED);
  std::thread signaller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_TRUE(timeline.Signal(2).ok());
  });
  EXPECT_TRUE(timeline.Wait(2, UINT64_MAX - 1).ok());
  signaller.join();
}

}  // namespace
}  // namespace concord::sdk
