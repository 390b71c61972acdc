#include "runtime/hal/host_services.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/base/task_arena.h"

namespace concord::hal {
namespace {

TEST(HostServicesTest, AllocatesAlignedAndCounts) {
  const auto host = HostServices::Create();
  const concord_host_api& api = host->api();
  for (uint64_t align : {1, 2, 16, 64, 4096}) {
    void* memory = api.alloc(api.user, 100, align);
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % align, 0u);
    std::memset(memory, 1, 100);
    EXPECT_EQ(host->allocated_bytes(), 100u);
    api.free(api.user, memory);
  }
  EXPECT_EQ(host->allocated_bytes(), 0u);
  EXPECT_EQ(api.alloc(api.user, UINT64_MAX - 8, 64), nullptr);
  EXPECT_EQ(api.alloc(api.user, 8, 3), nullptr);
  api.free(api.user, nullptr);
}

TEST(HostServicesTest, InternsLogsAndTraces) {
  std::string logged;
  HostServices::Options options;
  options.log = [&](LogLevel, absl::string_view text) { logged = std::string(text.data(), text.size()); };
  options.tracer = std::make_shared<Tracer>(10);
  const auto host = HostServices::Create(options);
  const concord_host_api& api = host->api();
  const std::string a = "name", b = "name";
  EXPECT_EQ(api.intern(api.user, {a.data(), 4}), api.intern(api.user, {b.data(), 4}));
  EXPECT_NE(api.intern(api.user, {a.data(), 4}), api.intern(api.user, {a.data(), 3}));
  api.log(api.user, 77, {"hello", 5});
  EXPECT_EQ(logged, "hello");
  api.trace_event(api.user, "t", "n", 1, 2);
  const Tracer::Contents trace = options.tracer->contents();
  ASSERT_EQ(trace.slices.size(), 1u);
  EXPECT_STREQ(trace.slices[0]->name, "n");
  EXPECT_EQ(trace.tracks[trace.slices[0]->track].name, "t");
  const uint64_t earlier = api.now_ns(api.user);
  EXPECT_LE(earlier, api.now_ns(api.user));
}

struct Job {
  std::atomic<int64_t> next{0};
  std::atomic<int64_t> sum{0};
  std::atomic<uint32_t> workers{0};
  std::atomic<uint32_t> seen[64] = {};
  uint32_t limit = 0;
};

void Count(void* arg, uint32_t worker, int32_t) {
  Job& run = *static_cast<Job*>(arg);
  ASSERT_LT(worker, run.limit);
  EXPECT_EQ(run.seen[worker].fetch_add(1), 0u);  // no two calls share a number
  ++run.workers;
  for (int64_t i; (i = run.next.fetch_add(1)) < 1000;) run.sum += i;
}

TEST(TaskArenaTest, EveryPieceOnceWhoeverComes) {
  for (uint32_t threads : {1u, 2u, 3u, 8u}) {
    TaskArena arena({threads, false});
    EXPECT_EQ(arena.worker_count(), threads);
    for (int round = 0; round < 300; ++round) {
      Job run;
      run.limit = 1 + round % 9;
      arena.ParallelRun(run.limit, &Count, &run);
      EXPECT_EQ(run.sum, 999 * 1000 / 2);
      EXPECT_GE(run.workers, 1u);
      EXPECT_LE(run.workers, std::min(run.limit, threads));
    }
  }
}

TEST(TaskArenaTest, HelpersDoCome) {
  TaskArena arena({3, true});
  bool came = false;
  for (int round = 0; round < 200 && !came; ++round) {
    struct Meet {
      std::atomic<uint32_t> here{0};
    } meet;
    arena.ParallelRun(
        3,
        [](void* arg, uint32_t, int32_t) {
          Meet& m = *static_cast<Meet*>(arg);
          ++m.here;
          const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
          while (m.here < 3 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
        },
        &meet);
    came = meet.here == 3;
  }
  EXPECT_TRUE(came);
}

TEST(TaskArenaTest, TwoCallersAtOnceBothFinish) {
  TaskArena arena({4, false});
  std::vector<std::thread> callers;
  for (int c = 0; c < 3; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        Job run;
        run.limit = 4;
        arena.ParallelRun(4, &Count, &run);
        EXPECT_EQ(run.sum, 999 * 1000 / 2);
      }
    });
  }
  for (std::thread& t : callers) t.join();
}

TEST(TaskArenaTest, HelpersThatSleepAreWoken) {
  TaskArena arena({2, false});
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    Job run;
    run.limit = 2;
    arena.ParallelRun(2, &Count, &run);
    EXPECT_EQ(run.sum, 999 * 1000 / 2);
  }
}

TEST(TaskArenaTest, DefaultIsWhatTheProcessMayUse) {
  EXPECT_GE(TaskArena::DefaultThreads(), 1u);
  EXPECT_LE(TaskArena::DefaultThreads(), std::thread::hardware_concurrency());
}

}  // namespace
}  // namespace concord::hal
