// What simulated devices compute, how long it takes, and what goes wrong as it was asked for.
#include "concord/fault.h"
#include "runtime/cts/add_program.h"
#include "runtime/cts/one_op.h"
#include "runtime/cts/op_cases.h"
#include "tests/unit/sim/sim_testing.h"

namespace concord::sim {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr int64_t kRows = 10;
constexpr uint64_t kAddBytes = 3 * kRows * cts::AddProgram::kCols * 4;

// Programs of additions on a device.
class SimDevices : public SimTest {
 protected:
  absl::Status RunAdd(size_t on, int n_ops = 1, uint64_t* took = nullptr) {
    CONCORD_ASSIGN_OR_RETURN(const cts::AddProgram add, cts::AddProgram::Create(device(on), n_ops));
    CONCORD_ASSIGN_OR_RETURN(const hal::Prepared prepared, add.Prepare(kRows + 5));
    cts::Rig rig(device(on));
    CONCORD_ASSIGN_OR_RETURN(const cts::AddProgram::Step step, add.MakeStep(rig, prepared, kRows, 1));
    CONCORD_ASSIGN_OR_RETURN(const hal::Semaphore* done, rig.MakeSemaphore());
    const concord_point signal = done->At(1);
    const uint64_t begin = Now();
    CONCORD_RETURN_IF_ERROR(device(on).Submit(
        {.prepared = &prepared, .values = {&step.rows, 1}, .bindings = step.bindings, .signals = {&signal, 1}}));
    CONCORD_RETURN_IF_ERROR(done->Wait(1, absl::Seconds(20)));
    if (took != nullptr) *took = Now() - begin;
    return add.Check(step, kRows);
  }

  // The nanoseconds that a case of the suite takes on device 0.
  uint64_t TimeOf(const char* name) {
    cts::OneOp op(device(), *cts::FindOpCase(name));
    EXPECT_EQ(op.Build(), absl::OkStatus());
    EXPECT_EQ(op.Load(), absl::OkStatus());
    const hal::Semaphore done = *device().CreateSemaphore();
    const concord_point signal = done.At(1);
    const uint64_t begin = Now();
    EXPECT_TRUE(op.Submit({}, {&signal, 1}).ok());
    EXPECT_TRUE(done.Wait(1).ok());
    return Now() - begin;
  }
  std::string RefusalOf(const char* name) {
    cts::OneOp op(device(), *cts::FindOpCase(name));
    EXPECT_EQ(op.Build(), absl::OkStatus());
    const auto support = op.Query();
    EXPECT_TRUE(support.ok()) << support.status();
    return support->ok() ? "" : support->reason;
  }
};

TEST_F(SimDevices, ASubmissionTakesWhatItsOpsTake) {
  Start(kRound);
  uint64_t took = 0;
  ASSERT_EQ(RunAdd(0, 1, &took), absl::OkStatus());
  EXPECT_EQ(took, 3000 + 2000 + kAddBytes);
  ASSERT_EQ(RunAdd(0, 2, &took), absl::OkStatus());
  EXPECT_EQ(took, 3000 + 2 * (2000 + kAddBytes));
}

TEST_F(SimDevices, WhicheverIsLongerOfBytesAndFlops) {
  Start(std::string(kRound) + "flops=1e7; 1.flops.f32=0; 1.bandwidth=2e9");
  uint64_t took = 0;
  ASSERT_EQ(RunAdd(0, 1, &took), absl::OkStatus());
  EXPECT_EQ(took, 5000u + 100 * kRows * cts::AddProgram::kCols);  // one a sum
  ASSERT_EQ(RunAdd(1, 1, &took), absl::OkStatus());
  EXPECT_EQ(took, 5000 + kAddBytes / 2);
}

// attention/mixed: sequences of 130, 9, 1 and 40 keys with 1, 9, 1 and 5 new tokens; 6 heads, 2 KV heads of width 64.
TEST_F(SimDevices, KvLenIsReadWhereItLies) {
  Start("launch=0; submit=0; bandwidth=0; flops=1e9");
  EXPECT_EQ(TimeOf("attention/f32/f32/mixed"), 2 * 6 * (1 * 130 + 9 * 9 + 1 * 1 + 5 * 40) * (64 + 64));
  Start("launch=0; submit=0; bandwidth=1e9; flops=0");
  const uint64_t state = (130 + 9 + 1 + 40) * 2 * (64 + 64) * 4, rows = 2 * 16 * 6 * 64 * 4;
  const uint64_t metadata = 4 * 5 * 4 + 5 * 4 + 4 * 4;  // block_table, q_start, kv_len
  EXPECT_EQ(TimeOf("attention/f32/f32/mixed"), state + rows + metadata);
}

TEST_F(SimDevices, RefuseWithReasons) {
  Start("refuse=rope,linear:q4_k; arithmetics=f32");
  EXPECT_THAT(RefusalOf("rope/f32/f32/neox_1x4x64"), HasSubstr("rope is refused by the simulation"));
  EXPECT_THAT(RefusalOf("linear/q4_k/f32/1x768x67"), HasSubstr("linear with q4_k is refused"));
  EXPECT_THAT(RefusalOf("linear/q8_0/int8/1x768x67"), HasSubstr("arithmetic int8/32"));
  EXPECT_EQ(RefusalOf("linear/f32/f32/7x333x65_bias"), "");
}

TEST_F(SimDevices, MemoryEndsToTheByte) {
  Start("memory=1000; max_buffer=900");
  const hal::Buffer buffer = *device().CreateBuffer(600);
  EXPECT_TRUE(device().CreateBuffer(400).ok());
  const absl::Status status = device().CreateBuffer(401).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no memory for 401 bytes: 400 of 1000 are free"));
  EXPECT_THAT(std::string(device().CreateBuffer(901).status().message()), HasSubstr("the largest has 900"));
  EXPECT_TRUE(device().CreateBuffer(800, CONCORD_BUFFER_STAGING).ok());  // the host's
  const std::vector<float> data(101, 1);
  concord_constant_desc desc{};
  desc.flags = CONCORD_CONSTANT_STABLE;
  desc.type = {{"f32", 3}, CONCORD_STORAGE_F32, 1, 4, 0};
  desc.rank = 1;
  desc.host_data = data.data();
  for (const int64_t elems : {100, 101}) {
    desc.dims[0] = elems;
    desc.host_size_bytes = desc.row_stride_bytes = static_cast<uint64_t>(elems) * 4;
    const auto constant = device().CreateConstant(desc);
    EXPECT_EQ(constant.ok(), elems == 100) << constant.status();
    const auto stats = device().MemoryStats();
    ASSERT_TRUE(stats.ok());
    EXPECT_EQ(stats->used_bytes, elems == 100 ? 1000u : 600u);
    EXPECT_EQ(stats->free_bytes, 1000 - stats->used_bytes);
    EXPECT_EQ(stats->total_bytes, 1000u);
    EXPECT_EQ(stats->peak_bytes, 1000u);
  }
}

TEST_F(SimDevices, AreWhatTheyAreSaidToBe) {
  Start(
      "devices=2; 0.name=small one; kind=npu; 1.host_memory=1; 1.shares_host_cores=1; 1.async=0; "
      "max_partition_ops=3; kv_layout=kv.token_major/1; memory=1GiB");
  const hal::DeviceInfo &a = device(0).info(), &b = device(1).info();
  EXPECT_EQ(a.name, "small one");
  EXPECT_EQ(a.kind, "npu");
  EXPECT_EQ(a.flags, uint32_t{CONCORD_DEVICE_ASYNC});
  EXPECT_EQ(b.flags, uint32_t{CONCORD_DEVICE_HOST_MEMORY | CONCORD_DEVICE_SHARES_HOST_CORES});
  EXPECT_EQ(a.queue_count, 2u);
  EXPECT_EQ(a.max_partition_ops, 3u);
  EXPECT_EQ(a.kv_layout, "kv.token_major/1");
  EXPECT_EQ(a.memory_bytes, uint64_t{1} << 30);
  EXPECT_FALSE(device(0).CreateBuffer(10)->host_visible());
  EXPECT_TRUE(device(1).CreateBuffer(10)->host_visible());
}

TEST_F(SimDevices, OneOpIsScaled) {
  Start("devices=2; 1.scale=add:1.5");
  EXPECT_EQ(RunAdd(0), absl::OkStatus());
  EXPECT_FALSE(RunAdd(1).ok());
}

TEST_F(SimDevices, AreLostAlone) {
  Start("devices=2; 0.lose_after=2");
  EXPECT_EQ(RunAdd(0), absl::OkStatus());
  EXPECT_EQ(RunAdd(0), absl::OkStatus());
  EXPECT_EQ(RunAdd(0).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(device(0).CreateBuffer(1).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(RunAdd(1), absl::OkStatus());
}

TEST_F(SimDevices, FailOnDemand) {
  Start("devices=2");
  const auto faults = Extension<concord_fault_api>(CONCORD_FAULT_EXTENSION);
  ASSERT_EQ(faults.fail_allocations(device(0).get(), 1, nullptr), CONCORD_OK);
  EXPECT_EQ(RunAdd(1), absl::OkStatus());
  EXPECT_EQ(device(0).CreateBuffer(1).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(RunAdd(0), absl::OkStatus());
  ASSERT_EQ(faults.lose_device(device(1).get(), nullptr), CONCORD_OK);
  EXPECT_EQ(RunAdd(0), absl::OkStatus());
  EXPECT_EQ(RunAdd(1).code(), absl::StatusCode::kUnavailable);
}

TEST_F(SimDevices, TracesByTheirOwnClock) {
  Start(std::string(kRound) + "ns_per_tick=2; clock_offset=1000; clock_drift=0.25");
  ASSERT_EQ(RunAdd(0), absl::OkStatus());  // not recorded
  ASSERT_EQ(Reset(), absl::OkStatus());
  Trace();
  ASSERT_EQ(RunAdd(0, 2), absl::OkStatus());
  Trace(0, 0);
  ASSERT_EQ(RunAdd(0), absl::OkStatus());
  std::vector<concord_trace_event> events = Events();
  const auto is_copy = [](const concord_trace_event& e) { return e.kind == CONCORD_TRACE_COPY; };
  events.erase(std::remove_if(events.begin(), events.end(), is_copy), events.end());  // what the host uploads
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].kind, CONCORD_TRACE_SUBMISSION);
  EXPECT_EQ(events[0].op_index, CONCORD_NONE);
  const auto ns = [](uint64_t ticks) { return static_cast<double>(ticks - 1000) * 2 / 1.25; };
  const double op_ns = 2000 + kAddBytes, begin = ns(events[0].begin_ticks);
  EXPECT_NEAR(ns(events[0].end_ticks), begin + 3000 + 2 * op_ns, 2);
  for (uint32_t i = 0; i < 2; ++i) {
    EXPECT_EQ(events[1 + i].kind, CONCORD_TRACE_OP);
    EXPECT_EQ(events[1 + i].op_index, i);
    EXPECT_NEAR(ns(events[1 + i].begin_ticks), begin + 3000 + i * op_ns, 2);
    EXPECT_NEAR(ns(events[1 + i].end_ticks), begin + 3000 + (i + 1) * op_ns, 2);
  }
}

TEST_F(SimDevices, CalibrationGivesTheSameMomentOnBothClocks) {
  Start("ns_per_tick=2; clock_offset=1000; clock_drift=0.25");
  const auto trace = Extension<concord_trace_api>(CONCORD_TRACE_EXTENSION);
  concord_trace_clock pairs[2] = {};
  for (concord_trace_clock& pair : pairs) {
    pair.struct_size = sizeof(pair);
    ASSERT_EQ(trace.calibrate(device().get(), &pair, nullptr), CONCORD_OK);
    EXPECT_EQ(pair.ns_per_tick, 2);  // as it claims; the drift shows in two pairs
    Advance(80000);
  }
  EXPECT_EQ(pairs[0].device_ticks, 1000u);
  EXPECT_EQ(pairs[1].device_ticks, 1000u + 50000);
  EXPECT_EQ(pairs[1].host_ns - pairs[0].host_ns, 80000u);
  EXPECT_LE(pairs[0].host_ns, hal::HostServices::NowNs());
}

TEST_F(SimDevices, CountEventsThatNobodyFetched) {
  Start(std::string(kRound) + "trace_events=2");
  Trace();
  for (uint64_t size : {100, 200, 300}) Copy(0, size, {}, {}, 1);
  uint64_t dropped = 0;
  const std::vector<concord_trace_event> events = Events(0, &dropped);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].bytes, 100u);
  EXPECT_EQ(events[1].bytes, 200u);
  EXPECT_EQ(events[1].begin_ticks, 1100u);
  EXPECT_EQ(events[1].queue_index, 1u);
  EXPECT_EQ(dropped, 1u);
  Events(0, &dropped);
  EXPECT_EQ(dropped, 0u);
}

}  // namespace
}  // namespace concord::sim
