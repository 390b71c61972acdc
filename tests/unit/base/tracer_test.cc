#include "runtime/base/tracer.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/trace_json.h"

namespace concord {
namespace {

using nlohmann::json;

TraceSlice Slice(const char* name, uint64_t begin, uint64_t end, uint32_t track, bool leaf = false) {
  TraceSlice slice;
  slice.name = name;
  slice.begin_ns = begin;
  slice.end_ns = end;
  slice.track = track;
  slice.leaf = leaf;
  return slice;
}

json Parsed(const Tracer& tracer) {
  std::string text;
  const absl::Status status = WriteTraceJson(tracer.contents(), [&](absl::string_view piece) {
    text.append(piece.data(), piece.size());
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  return json::parse(text);
}

// "name" → the number of its thread.
std::map<std::string, int> ThreadsOf(const json& trace) {
  std::map<std::string, int> threads;
  for (const json& event : trace["traceEvents"]) {
    if (event["ph"] == "X") threads[event["name"]] = event["tid"];
  }
  return threads;
}

TEST(Tracer, KeepsWhatManyThreadsRecordEachOnItsOwnTrack) {
  constexpr int kThreads = 4, kSlices = 3000;
  Tracer tracer(1 << 20);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&tracer] {
      for (int i = 0; i < kSlices; ++i) {
        const TraceScope outer(&tracer, "outer");
        const TraceScope inner(&tracer, "inner");
      }
    });
  }
  // Reading beside them sees whole slices.
  for (const TraceSlice* slice : tracer.contents().slices) EXPECT_LE(slice->begin_ns, slice->end_ns);
  for (std::thread& thread : threads) thread.join();
  std::map<uint32_t, int> counts;
  for (const TraceSlice* slice : tracer.contents().slices) ++counts[slice->track];
  ASSERT_EQ(counts.size(), kThreads);
  for (const auto& [track, count] : counts) EXPECT_EQ(count, 2 * kSlices);
  EXPECT_EQ(tracer.dropped(), 0u);
}

TEST(Tracer, CountsWhatItHasNoRoomFor) {
  Tracer tracer(1500);  // one and a half chunks
  const std::vector<TraceSlice> slices(1000, Slice("x", 1, 2, tracer.Track("host", "t")));
  tracer.Add(slices);
  tracer.Add(slices);
  tracer.CountDropped(7);
  EXPECT_EQ(tracer.contents().slices.size(), 1500u);
  EXPECT_EQ(tracer.dropped(), 507u);
  EXPECT_EQ(Parsed(tracer)["otherData"]["dropped_events"], 507);
}

TEST(Tracer, OffCostsNothingAndRecordsNothing) {
  TraceScope scope(static_cast<Tracer*>(nullptr), "nothing");
  EXPECT_EQ(scope.slice.begin_ns, 0u);
  EXPECT_EQ(Traced(nullptr, "nothing", [] { return 3; }), 3);
}

TEST(Tracer, AThreadMayRecordInSeveral) {
  Tracer one(10), two(10);
  for (int i = 0; i < 3; ++i) {
    const TraceScope first(&one, "first");
    const TraceScope second(&two, "second");
  }
  EXPECT_EQ(one.contents().tracks.size(), 1u);
  EXPECT_EQ(two.contents().slices.size(), 3u);
}

TEST(TraceJson, PutsWhatOverlapsOnLanesOfItsOwn) {
  Tracer tracer(100);
  const uint32_t queue = tracer.Track("gpu:0", "queue 0");
  tracer.Add(Slice("a", 10, 20, queue, true));
  tracer.Add(Slice("beside a", 15, 25, queue, true));
  tracer.Add(Slice("during a", 12, 14, queue, true));  // not within it: a holds nothing
  tracer.Add(Slice("after a", 20, 20, queue, true));
  tracer.Add(Slice("b", 20, 30, queue, true));
  tracer.Add(Slice("all", 10, 30, queue));
  const std::map<std::string, int> thread = ThreadsOf(Parsed(tracer));
  EXPECT_EQ(thread.at("a"), thread.at("all"));
  EXPECT_EQ(thread.at("b"), thread.at("all"));
  EXPECT_EQ(thread.at("after a"), thread.at("all"));
  EXPECT_NE(thread.at("during a"), thread.at("a"));
  EXPECT_EQ(thread.at("beside a"), thread.at("during a"));
}

TEST(TraceJson, TimesAreExactNamesAreEscapedAndOrderIsThatOfTime) {
  Tracer tracer(100);
  const uint32_t track = tracer.Track("ho\"st\\", "a\nb\xff");
  TraceSlice slice = Slice("second", 1'000'000'000'000'001'005, 1'000'000'000'000'003'005, track);
  slice.bytes = 12;
  slice.scope = "layers.0";
  slice.op = 0;
  tracer.Add(slice);
  tracer.Add(Slice("first", 1'000'000'000'000'000'000, 1'000'000'000'000'000'007, track));
  const json trace = Parsed(tracer);
  std::vector<json> slices;
  for (const json& event : trace["traceEvents"]) {
    if (event["ph"] == "X") slices.push_back(event);
    if (event["name"] == "process_name") {
      EXPECT_EQ(event["args"]["name"], "ho\"st\\");
    }
  }
  ASSERT_EQ(slices.size(), 2u);
  EXPECT_EQ(slices[0]["name"], "first");
  EXPECT_DOUBLE_EQ(slices[0]["dur"], 0.007);
  EXPECT_DOUBLE_EQ(slices[1]["ts"], 1.005);
  EXPECT_DOUBLE_EQ(slices[1]["dur"], 2.0);
  EXPECT_EQ(slices[1]["args"], json({{"bytes", 12}, {"scope", "layers.0"}, {"op", 0}}));
}

TEST(TraceJson, AnEmptyTraceIsOneToo) { EXPECT_TRUE(Parsed(Tracer(0))["traceEvents"].empty()); }

TEST(TraceJson, AFailedWriteIsReturned) {
  Tracer tracer(10);
  const auto full = [](absl::string_view) { return absl::ResourceExhaustedError("full"); };
  EXPECT_EQ(WriteTraceJson(tracer.contents(), full).message(), "full");
}

}  // namespace
}  // namespace concord
