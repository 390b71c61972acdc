#include "runtime/hal/device_trace.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

namespace concord::hal {
namespace {

// A device whose clock began some other day, ticks every 40.7 ns or so, and says 41.
struct FakeClock {
  uint64_t offset_ticks = 5'000'000'000'000;
  double ns_per_tick = 40.7;
  uint64_t host_ns = 1'000'000'000'000;  // now

  std::vector<concord_trace_event> events;
  uint64_t dropped = 0;
  int enabled = 0;
  int calibrations = 0;
  bool broken = false;

  uint64_t TicksAt(uint64_t ns) const {
    return offset_ticks + static_cast<uint64_t>(std::llround(static_cast<double>(ns) / ns_per_tick));
  }
  // Something that the device did from host time `begin` to `end`.
  void Did(int32_t kind, uint64_t begin, uint64_t end, uintptr_t prepared, uint32_t op = CONCORD_NONE,
           uint32_t queue = 0) {
    events.push_back({TicksAt(begin), TicksAt(end), kind == CONCORD_TRACE_COPY ? 64u : 0u,
                      reinterpret_cast<concord_prepared*>(prepared), op, kind, queue, 0});
  }
};

FakeClock& Of(concord_device* device) { return *reinterpret_cast<FakeClock*>(device); }

int32_t SetEnabled(concord_device* device, uint32_t enabled, concord_error*) {
  Of(device).enabled = static_cast<int>(enabled);
  return CONCORD_OK;
}

int32_t Calibrate(concord_device* device, concord_trace_clock* out, concord_error* error) {
  FakeClock& self = Of(device);
  ++self.calibrations;
  if (self.broken) {
    std::strcpy(error->message, "the clock is lost");
    return CONCORD_UNAVAILABLE;
  }
  out->device_ticks = self.TicksAt(self.host_ns);
  out->host_ns = self.host_ns;
  out->ns_per_tick = 41;
  return CONCORD_OK;
}

int32_t Read(concord_device* device, concord_trace_event* out, uint32_t stride, uint32_t capacity, uint32_t* count,
             uint64_t* dropped, concord_error*) {
  FakeClock& self = Of(device);
  *count = static_cast<uint32_t>(std::min<size_t>(capacity, self.events.size()));
  for (uint32_t i = 0; i < *count; ++i) {
    std::memcpy(reinterpret_cast<char*>(out) + i * stride, &self.events[i], sizeof(concord_trace_event));
  }
  self.events.erase(self.events.begin(), self.events.begin() + *count);
  *dropped = std::exchange(self.dropped, 0);
  return CONCORD_OK;
}

constexpr concord_trace_api kApi = {sizeof(concord_trace_api), 0, &SetEnabled, &Calibrate, &Read};

class DeviceTraceTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto log = [this](LogLevel, absl::string_view text) { logged_.emplace_back(text); };
    auto trace = DeviceTrace::Begin(&kApi, reinterpret_cast<concord_device*>(&clock_), "fake:0", tracer_, log);
    ASSERT_TRUE(trace.ok()) << trace.status();
    trace_ = *std::move(trace);
    const std::string op = "linear", scope = "layers.3.mlp", arithmetic = "f32";
    concord_op_desc desc[2] = {};
    desc[1].name = {op.data(), op.size()};
    desc[1].scope = {scope.data(), scope.size()};
    desc[1].arithmetic = {arithmetic.data(), arithmetic.size()};
    concord_program_desc program{};
    program.name = {"main", 4};
    program.ops = {desc, 2, sizeof(concord_op_desc)};
    names_ = ProgramNames::Of(program);
  }
  const TraceSlice& Slice(size_t index) {
    contents_ = tracer_->contents();
    return *contents_.slices.at(index);
  }

  FakeClock clock_;
  std::shared_ptr<Tracer> tracer_ = std::make_shared<Tracer>(1'000'000);
  std::vector<std::string> logged_;
  std::unique_ptr<DeviceTrace> trace_;
  std::shared_ptr<const ProgramNames> names_;
  Tracer::Contents contents_;
};

TEST_F(DeviceTraceTest, DriftDoesNotShow) {
  EXPECT_EQ(clock_.enabled, 1);
  const uint64_t begin = clock_.host_ns + 5'000'000'000, end = begin + 3'000;
  clock_.Did(CONCORD_TRACE_OP, begin, end, 1, 1);
  clock_.host_ns += 10'000'000'000;  // by the rate that it says, it would be 74 ms off by now
  trace_->Flush();
  EXPECT_NEAR(static_cast<double>(Slice(0).begin_ns), static_cast<double>(begin), 41);
  EXPECT_NEAR(static_cast<double>(Slice(0).end_ns), static_cast<double>(end), 41);
  // Warmer now, and another rate: the next stretch has its own line, which joins the first.
  const double before = clock_.ns_per_tick;
  clock_.ns_per_tick = 40.9;
  clock_.offset_ticks += static_cast<uint64_t>(static_cast<double>(clock_.host_ns) * (1 / before - 1 / 40.9));
  const uint64_t later = clock_.host_ns + 1'000;
  clock_.Did(CONCORD_TRACE_OP, later, later + 500, 1, 1);
  clock_.host_ns += 3'000'000'000;
  trace_->Flush();
  EXPECT_NEAR(static_cast<double>(Slice(1).begin_ns), static_cast<double>(later), 100);
}

TEST_F(DeviceTraceTest, NamesOpsByTheirProgram) {
  trace_->AddPrepared(reinterpret_cast<concord_prepared*>(8), names_);
  const uint64_t t = clock_.host_ns;
  clock_.Did(CONCORD_TRACE_SUBMISSION, t, t + 900, 8);
  clock_.Did(CONCORD_TRACE_OP, t + 100, t + 200, 8, 1);
  clock_.Did(CONCORD_TRACE_OP, t + 300, t + 400, 8, 77);  // no such op
  clock_.Did(CONCORD_TRACE_OP, t + 300, t + 400, 16, 1);  // nobody knows this program
  clock_.Did(CONCORD_TRACE_COPY, t + 500, t + 600, 0, CONCORD_NONE, 1);
  clock_.host_ns += 1'000'000;
  trace_->Flush();
  EXPECT_STREQ(Slice(0).name, "main");
  EXPECT_FALSE(Slice(0).leaf);
  EXPECT_STREQ(Slice(1).name, "linear");
  EXPECT_STREQ(Slice(1).scope, "layers.3.mlp");
  EXPECT_STREQ(Slice(1).arithmetic, "f32");
  EXPECT_EQ(Slice(1).op, 1);
  EXPECT_STREQ(Slice(2).name, "op");
  EXPECT_STREQ(Slice(3).name, "op");
  EXPECT_STREQ(Slice(4).name, "copy");
  EXPECT_EQ(Slice(4).bytes, 64);
  EXPECT_EQ(contents_.tracks[Slice(4).track].process, "fake:0");
  EXPECT_EQ(contents_.tracks[Slice(4).track].name, "queue 1");
}

TEST_F(DeviceTraceTest, AnAddressThatIsUsedAgainKeepsTheOldNamesOfOldEvents) {
  trace_->AddPrepared(reinterpret_cast<concord_prepared*>(8), names_);
  clock_.Did(CONCORD_TRACE_SUBMISSION, clock_.host_ns, clock_.host_ns + 10, 8);
  auto others = std::make_shared<ProgramNames>();
  others->program = "other";
  trace_->AddPrepared(reinterpret_cast<concord_prepared*>(8), others);
  clock_.Did(CONCORD_TRACE_SUBMISSION, clock_.host_ns + 20, clock_.host_ns + 30, 8);
  trace_.reset();
  EXPECT_STREQ(Slice(0).name, "main");
  EXPECT_STREQ(Slice(1).name, "other");
}

TEST_F(DeviceTraceTest, ALongRunIsFetchedInPartsAndLossesAreCounted) {
  constexpr uint64_t kEvents = 150'000;
  for (uint64_t i = 0; i < kEvents; ++i) clock_.Did(CONCORD_TRACE_FILL, clock_.host_ns + i, clock_.host_ns + i, 0);
  clock_.dropped = 3;
  clock_.host_ns += kEvents;
  tracer_->Drain();
  EXPECT_TRUE(clock_.events.empty());
  tracer_->Flush();
  EXPECT_EQ(tracer_->contents().slices.size(), kEvents);
  EXPECT_EQ(tracer_->dropped(), 3u);
}

TEST_F(DeviceTraceTest, WhatIsLeftComesAtTheEnd) {
  clock_.Did(CONCORD_TRACE_FILL, clock_.host_ns, clock_.host_ns + 10, 0);
  trace_.reset();
  EXPECT_EQ(clock_.enabled, 0);
  EXPECT_EQ(tracer_->contents().slices.size(), 1u);
}

TEST_F(DeviceTraceTest, AClockThatFailsIsSaidOnceAndItsOwnRateTaken) {
  clock_.broken = true;
  for (int i = 0; i < 3; ++i) {
    clock_.Did(CONCORD_TRACE_FILL, clock_.host_ns + 1'000, clock_.host_ns + 2'000, 0);
    trace_->Flush();
  }
  ASSERT_EQ(logged_.size(), 1u);
  EXPECT_NE(logged_[0].find("the clock is lost"), std::string::npos);
  EXPECT_NEAR(static_cast<double>(Slice(2).begin_ns - clock_.host_ns), 1'000, 50);
}

TEST(DeviceTrace, ATableWithHolesIsRefused) {
  concord_trace_api api = kApi;
  api.struct_size = offsetof(concord_trace_api, read);
  FakeClock clock;
  const auto trace = DeviceTrace::Begin(&api, reinterpret_cast<concord_device*>(&clock), "fake:0",
                                        std::make_shared<Tracer>(10), nullptr);
  EXPECT_EQ(trace.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace concord::hal
