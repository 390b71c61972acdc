#include "backends/sdk/trace.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace concord::sdk {
namespace {

class Source final : public TraceSource {
 public:
  Status CalibrateTrace(concord_trace_clock*) override { return Ok(); }

  void Add(uint64_t first, uint64_t count) {
    std::vector<concord_trace_event> events(count);
    for (uint64_t i = 0; i < count; ++i) events[i].begin_ticks = first + i;
    AddTraceEvents(events.data(), events.size());
  }
};

TEST(TraceSource, GivesTheOldestFirstAcrossTheEndOfItsRing) {
  Source source;
  ASSERT_TRUE(source.SetTraceEnabled(true).ok());
  std::vector<concord_trace_event> out(50'000);
  uint64_t dropped = 1, next = 0, added = 0;
  for (int round = 0; round < 5; ++round) {
    source.Add(added, 40'000);
    added += 40'000;
    const uint32_t count = source.ReadTraceEvents(out.data(), sizeof(out[0]), 39'000 + round, &dropped);
    EXPECT_EQ(dropped, 0u);
    for (uint32_t i = 0; i < count; ++i) ASSERT_EQ(out[i].begin_ticks, next++);
  }
}

TEST(TraceSource, CountsWhatNobodyFetched) {
  Source source;
  source.Add(0, 10);  // before it is enabled: there is no room at all
  ASSERT_TRUE(source.SetTraceEnabled(true).ok());
  uint64_t dropped = 0;
  concord_trace_event event;
  EXPECT_EQ(source.ReadTraceEvents(&event, sizeof(event), 1, &dropped), 0u);
  source.Add(0, TraceSource::kMaxEvents - 1);
  source.Add(7, 4);
  (void)source.ReadTraceEvents(&event, sizeof(event), 1, &dropped);
  EXPECT_EQ(dropped, 3u);
  (void)source.ReadTraceEvents(&event, sizeof(event), 1, &dropped);
  EXPECT_EQ(dropped, 0u);
}

TEST(TraceSource, WritesElementsOfTheReadersSize) {
  Source source;
  ASSERT_TRUE(source.SetTraceEnabled(true).ok());
  source.Add(5, 2);
  uint64_t out[6] = {}, dropped = 0;  // of each event there is room for begin_ticks alone, three words apart
  static_assert(offsetof(concord_trace_event, begin_ticks) == 0);
  EXPECT_EQ(source.ReadTraceEvents(out, 8, 2, &dropped), 2u);
  EXPECT_EQ(out[0], 5u);
  EXPECT_EQ(out[1], 6u);
  EXPECT_EQ(out[2], 0u);
}

TEST(TraceSource, LosesNothingBetweenThreads) {
  Source source;
  ASSERT_TRUE(source.SetTraceEnabled(true).ok());
  std::thread writer([&] {
    for (int i = 0; i < 1000; ++i) source.Add(0, 50);
  });
  uint64_t seen = 0, lost = 0, dropped = 0;
  std::vector<concord_trace_event> out(1000);
  const auto read = [&] {
    const uint32_t count = source.ReadTraceEvents(out.data(), sizeof(out[0]), 1000, &dropped);
    seen += count;
    lost += dropped;
    return count != 0;
  };
  for (int i = 0; i < 100; ++i) (void)read();
  writer.join();
  while (read()) {
  }
  EXPECT_EQ(seen + lost, 50'000u);
}

}  // namespace
}  // namespace concord::sdk
