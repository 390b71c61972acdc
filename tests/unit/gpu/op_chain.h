#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/gpu/device.h"
#include "concord/ops.h"

namespace concord::gpu {

// A program for tests of drivers: y = x · 2 · 0.5 · 2 ..., an op each, in scopes "layers.0", "layers.1" ...
class OpChain {
 public:
  static constexpr uint32_t kElems = 100;

  OpChain(Device* device, uint32_t n_ops) : device_(device), n_ops_(n_ops) {
    for (uint32_t i = 0; i < n_ops; ++i) scopes_.push_back(sdk::Cat("layers.", i));
    for (uint32_t i = 0; i <= n_ops; ++i) AddValue(i);
    for (uint32_t i = 0; i < n_ops; ++i) AddOp(i);
    concord_program_desc desc{};
    desc.struct_size = sizeof(desc);
    desc.name = sdk::ToC("chain");
    desc.values = sdk::ArrayOf(values_);
    desc.ops = sdk::ArrayOf(ops_);
    program_ = Made(device->Compile(desc));
    concord_prepare_args args{};
    args.struct_size = sizeof(args);
    args.value_offsets = sdk::ArrayOf(offsets_);
    args.planned_bytes = uint64_t{n_ops + 1} * kStride;
    concord_prepare_result result{};
    prepared_ = Made(program_->Prepare(args, &result));
    workspace_ = NewBuffer(CONCORD_BUFFER_DEVICE, result.workspace_bytes);
    x_ = NewBuffer(CONCORD_BUFFER_DEVICE, kElems * 4);
    y_ = NewBuffer(CONCORD_BUFFER_DEVICE, kElems * 4);
    staging_ = NewBuffer(CONCORD_BUFFER_STAGING, kElems * 4);
  }

  sdk::Status FillX(float value) {
    concord_fill_args args{};
    args.target = HandleOf(x_);
    args.size_bytes = kElems * 4;
    std::memcpy(&args.pattern, &value, 4);
    return Do(&sdk::Device::Fill, args);
  }
  sdk::Status Run() {
    concord_submit_args args{};
    args.prepared = prepared();
    const std::vector<concord_binding> bindings = {
        {0, CONCORD_ROLE_INPUT, HandleOf(x_), nullptr, 0, kElems * 4},
        {1, CONCORD_ROLE_OUTPUT, HandleOf(y_), nullptr, 0, kElems * 4},
        {0, CONCORD_ROLE_WORKSPACE, HandleOf(workspace_), nullptr, 0, static_cast<Buffer*>(workspace_.get())->size()}};
    args.bindings = sdk::ArrayOf(bindings);
    return Do(&sdk::Device::Submit, args);
  }
  sdk::Status CopyY() {
    concord_copy_args args{};
    args.source = HandleOf(y_);
    args.target = HandleOf(staging_);
    args.size_bytes = kElems * 4;
    return Do(&sdk::Device::Copy, args);
  }
  // What x = 1 became.
  float Y() { return *static_cast<const float*>(*staging_->Map(0, 4, CONCORD_MAP_READ)); }
  float WantedY() const { return n_ops_ % 2 == 0 ? 1.0f : 2.0f; }

  concord_prepared* prepared() { return reinterpret_cast<concord_prepared*>(prepared_.get()); }
  uint32_t n_ops() const { return n_ops_; }

 private:
  static constexpr uint64_t kStride = 512;

  template <typename T>
  static T Made(sdk::Result<T> result) {
    EXPECT_TRUE(result.ok()) << result.status().message;
    return std::move(*result);
  }
  static concord_buffer* HandleOf(const std::unique_ptr<sdk::Buffer>& buffer) {
    return reinterpret_cast<concord_buffer*>(buffer.get());
  }
  std::unique_ptr<sdk::Buffer> NewBuffer(int32_t usage, uint64_t size_bytes) {
    concord_buffer_desc desc{sizeof(desc), usage, size_bytes, 1};
    return Made(device_->CreateBuffer(desc));
  }

  void AddValue(uint32_t i) {
    concord_value_desc value{};
    value.type = {sdk::ToC("f32"), CONCORD_STORAGE_F32, 1, 4, 0};
    value.dims[0] = {kElems, CONCORD_NONE, 0};
    value.rank = 1;
    value.role = i == 0 ? CONCORD_ROLE_INPUT : i == n_ops_ ? CONCORD_ROLE_OUTPUT : CONCORD_ROLE_WORKSPACE;
    value.slot = i == 0 ? 0 : i == n_ops_ ? 1 : CONCORD_NONE;
    value.alias_of = CONCORD_NONE;
    values_.push_back(value);
    offsets_.push_back(value.role == CONCORD_ROLE_WORKSPACE ? i * kStride : CONCORD_NO_OFFSET);
  }
  void AddOp(uint32_t i) {
    edges_.push_back(std::make_unique<Edges>());
    Edges& edges = *edges_.back();
    edges.in = {i};
    edges.out = {i + 1};
    concord_attr factor{};
    factor.key = sdk::ToC(CONCORD_SCALE_ATTR_FACTOR);
    factor.kind = CONCORD_ATTR_FLOAT;
    factor.f = i % 2 == 0 ? 2.0 : 0.5;
    edges.attrs = {factor};
    concord_op_desc op{};
    op.name = sdk::ToC(CONCORD_OP_SCALE);
    op.scope = sdk::ToC(scopes_[i]);
    op.arithmetic = sdk::ToC("f32");
    op.inputs = sdk::ArrayOf(edges.in);
    op.outputs = sdk::ArrayOf(edges.out);
    op.attrs = sdk::ArrayOf(edges.attrs);
    op.version = CONCORD_OP_SCALE_VERSION;
    ops_.push_back(op);
  }

  // Until it is over.
  template <typename Args>
  sdk::Status Do(sdk::Status (sdk::Device::*verb)(const Args&), Args args) {
    const std::unique_ptr<sdk::Semaphore> done = Made(device_->CreateSemaphore(0));
    const std::vector<concord_point> signals = {{reinterpret_cast<concord_semaphore*>(done.get()), 1}};
    args.struct_size = sizeof(args);
    args.signals = sdk::ArrayOf(signals);
    sdk::Status status = (device_->*verb)(args);
    return status.ok() ? done->Wait(1, UINT64_MAX) : status;
  }

  struct Edges {
    std::vector<uint32_t> in, out;
    std::vector<concord_attr> attrs;
  };

  Device* device_;
  uint32_t n_ops_;
  std::vector<std::string> scopes_;
  std::vector<concord_value_desc> values_;
  std::vector<uint64_t> offsets_;
  std::vector<std::unique_ptr<Edges>> edges_;
  std::vector<concord_op_desc> ops_;
  std::unique_ptr<sdk::Program> program_;
  std::unique_ptr<sdk::Prepared> prepared_;
  std::unique_ptr<sdk::Buffer> workspace_, x_, y_, staging_;
};

// The host's side of a test, with a clock and the warnings that it was given.
class TestHost {
 public:
  TestHost() {
    api_.struct_size = sizeof(api_);
    api_.user = &warnings_;
    api_.log = [](void* user, int32_t level, concord_string text) {
      if (level >= CONCORD_LOG_WARNING) static_cast<std::vector<std::string>*>(user)->emplace_back(sdk::FromC(text));
    };
    api_.now_ns = [](void*) -> uint64_t {
      return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
    };
    host_ = std::make_unique<sdk::Host>(&api_);
  }
  const sdk::Host* get() const { return host_.get(); }
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  concord_host_api api_{};
  std::vector<std::string> warnings_;
  std::unique_ptr<sdk::Host> host_;
};

inline std::vector<concord_trace_event> ReadAll(Device* device) {
  std::vector<concord_trace_event> events(4096);
  uint64_t dropped = 0;
  events.resize(device->ReadTraceEvents(events.data(), sizeof(events[0]), 4096, &dropped));
  EXPECT_EQ(dropped, 0u);
  return events;
}

inline concord_trace_clock ReadClock(Device* device) {
  concord_trace_clock clock{};
  const sdk::Status status = device->CalibrateTrace(&clock);
  EXPECT_TRUE(status.ok()) << status.message;
  return clock;
}

// The device says what it did, all of it and nothing else, in order, at times that lie within the host's.
inline void ExpectTrace(Device* device, const sdk::Host& host, OpChain* chain) {
  ASSERT_TRUE(chain->FillX(1).ok() && chain->Run().ok());
  EXPECT_TRUE(ReadAll(device).empty());  // off at first
  const concord_trace_clock clock = ReadClock(device);
  ASSERT_GT(clock.ns_per_tick, 0);
  ASSERT_TRUE(device->SetTraceEnabled(true).ok());
  const uint64_t before_ns = host.NowNs();
  ASSERT_TRUE(chain->FillX(1).ok() && chain->Run().ok() && chain->CopyY().ok());
  const uint64_t after_ns = host.NowNs();
  EXPECT_EQ(chain->Y(), chain->WantedY());
  const std::vector<concord_trace_event> events = ReadAll(device);
  ASSERT_EQ(events.size(), chain->n_ops() + 3);
  EXPECT_EQ(events.front().kind, CONCORD_TRACE_FILL);
  EXPECT_EQ(events.back().kind, CONCORD_TRACE_COPY);
  for (const concord_trace_event* event : {&events.front(), &events.back()}) {
    EXPECT_EQ(event->bytes, OpChain::kElems * 4);
    EXPECT_EQ(event->op_index, CONCORD_NONE);
  }
  const concord_trace_event& all = events[1];
  EXPECT_EQ(all.kind, CONCORD_TRACE_SUBMISSION);
  EXPECT_EQ(all.op_index, CONCORD_NONE);
  for (uint32_t i = 0; i < chain->n_ops(); ++i) {
    const concord_trace_event& op = events[2 + i];
    EXPECT_EQ(op.kind, CONCORD_TRACE_OP);
    EXPECT_EQ(op.op_index, i);
    EXPECT_GE(op.begin_ticks, i == 0 ? all.begin_ticks : events[1 + i].end_ticks);
    EXPECT_LE(op.end_ticks, all.end_ticks);
  }
  for (const concord_trace_event& event : events) {
    EXPECT_LE(event.begin_ticks, event.end_ticks);
    const bool of_program = event.kind == CONCORD_TRACE_OP || event.kind == CONCORD_TRACE_SUBMISSION;
    EXPECT_EQ(event.prepared, of_program ? chain->prepared() : nullptr);
    const auto host_ns = [&](uint64_t ticks) {
      return static_cast<double>(clock.host_ns) +
             static_cast<double>(static_cast<int64_t>(ticks - clock.device_ticks)) * clock.ns_per_tick;
    };
    // A tick more than the readings say.
    const double slack = static_cast<double>(clock.uncertainty_ns) + clock.ns_per_tick;
    EXPECT_GE(host_ns(event.begin_ticks), static_cast<double>(before_ns) - slack);
    EXPECT_LE(host_ns(event.end_ticks), static_cast<double>(after_ns) + slack);
  }
  ASSERT_TRUE(device->SetTraceEnabled(false).ok());
  ASSERT_TRUE(chain->Run().ok());
  EXPECT_TRUE(ReadAll(device).empty());
}

}  // namespace concord::gpu
