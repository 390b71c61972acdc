// Whole programs on the CPU backend, against the reference backend through the same border: shared steps, memory that
// the plan reuses, several workers, symbols below capacity, no allocation.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "runtime/hal/device_registry.h"
#include "runtime/hal/import.h"
#include "tests/unit/hal/count_allocations.h"

namespace concord::hal {
namespace {

constexpr int64_t kWidth = 256, kHidden = 384, kVocab = 70;

concord_string Str(const char* text) { return {text, std::strlen(text)}; }
concord_type F32() { return {Str("f32"), CONCORD_STORAGE_F32, 1, 4, 0}; }
concord_type I32() { return {Str("i32"), CONCORD_STORAGE_I32, 1, 4, 0}; }
concord_type Q80() { return {Str("q8_0"), CONCORD_STORAGE_BLOCK, 32, 34, 0}; }

// A description, written by hand as lowering would, and what it needs to run.
class TestProgram {
 public:
  explicit TestProgram(const char* arithmetic) : arithmetic_(arithmetic) {
    symbols_.push_back({Str("n_tokens"), 0, 64});
  }

  uint32_t Value(concord_type type, std::vector<int64_t> dims, int32_t role, bool per_token = true) {
    concord_value_desc v{};
    v.type = type;
    v.rank = static_cast<uint32_t>(dims.size());
    for (size_t d = 0; d < dims.size(); ++d) v.dims[d] = {dims[d], CONCORD_NONE, 0};
    if (per_token) v.dims[0] = {0, 0, 0};
    v.role = role;
    v.slot = role == CONCORD_ROLE_WORKSPACE ? CONCORD_NONE : next_slot_++;
    v.alias_of = CONCORD_NONE;
    values_.push_back(v);
    return static_cast<uint32_t>(values_.size() - 1);
  }
  uint32_t Work(int64_t width) { return Value(F32(), {0, width}, CONCORD_ROLE_WORKSPACE); }
  uint32_t Weight(concord_type type, int64_t rows, int64_t cols) {
    return rows == 0 ? Value(type, {cols}, CONCORD_ROLE_CONSTANT, false)
                     : Value(type, {rows, cols}, CONCORD_ROLE_CONSTANT, false);
  }
  void Op(const char* name, std::vector<uint32_t> inputs, std::vector<uint32_t> outputs) {
    lists_.push_back(std::move(inputs));
    const concord_array in = ArrayOf(lists_.back());
    lists_.push_back(std::move(outputs));
    concord_op_desc op{};
    op.name = Str(name);
    op.arithmetic = Str(arithmetic_);
    op.inputs = in;
    op.outputs = ArrayOf(lists_.back());
    op.version = 1;
    ops_.push_back(op);
  }
  concord_program_desc desc() const {
    concord_program_desc d = Sized<concord_program_desc>();
    d.name = Str("test");
    d.symbols = ArrayOf(symbols_);
    d.values = ArrayOf(values_);
    d.ops = ArrayOf(ops_);
    return d;
  }
  const std::vector<concord_value_desc>& values() const { return values_; }

 private:
  const char* arithmetic_;
  std::vector<concord_symbol> symbols_;
  std::vector<concord_value_desc> values_;
  std::vector<concord_op_desc> ops_;
  std::deque<std::vector<uint32_t>> lists_;
  uint32_t next_slot_ = 0;
};

// Embedding, a norm, three linears of one x (the activations are rounded once), a gated unit, a residual, and logits;
// the workspace reuses memory as soon as a value is dead.
struct Model {
  TestProgram program;
  uint32_t ids, logits;
  std::vector<uint64_t> offsets;
  uint64_t planned = 0;

  explicit Model(const char* arithmetic) : program(arithmetic) {
    TestProgram& p = program;
    ids = p.Value(I32(), {0}, CONCORD_ROLE_INPUT);
    const uint32_t table = p.Weight(Q80(), kVocab, kWidth), norm = p.Weight(F32(), 0, kWidth);
    const uint32_t x = p.Work(kWidth), h = p.Work(kWidth), gate = p.Work(kHidden), up = p.Work(kHidden);
    const uint32_t mixed = p.Work(kHidden), back = p.Work(kWidth), side = p.Work(kWidth), sum = p.Work(kWidth);
    const uint32_t last = p.Work(kWidth), fused = p.Work(kHidden), down = p.Work(kWidth), end = p.Work(kWidth);
    logits = p.Value(F32(), {0, kVocab}, CONCORD_ROLE_OUTPUT);
    p.Op("embed", {ids, table}, {x});
    p.Op("rms_norm", {x, norm}, {h});
    p.Op("linear", {h, p.Weight(Q80(), kHidden, kWidth)}, {gate});
    p.Op("linear", {h, p.Weight(Q80(), kHidden, kWidth)}, {up});
    p.Op("linear", {h, p.Weight(Q80(), kWidth, kWidth), p.Weight(F32(), 0, kWidth)}, {side});
    p.Op("glu", {gate, up}, {mixed});
    p.Op("linear", {mixed, p.Weight(Q80(), kWidth, kHidden)}, {back});
    p.Op("add", {back, side}, {sum});
    p.Op("fused_add_rms_norm", {sum, x, norm}, {last, end});
    p.Op("fused_linear_glu", {end, p.Weight(Q80(), kHidden, kWidth), p.Weight(Q80(), kHidden, kWidth)}, {fused});
    p.Op("linear", {fused, p.Weight(Q80(), kWidth, kHidden)}, {down});
    p.Op("linear", {down, table}, {logits});
    Plan({{x, 0},
          {h, 1},
          {gate, 2},
          {up, 3},
          {side, 4},
          {mixed, 5},
          {back, 1},
          {sum, 2},
          {last, 3},
          {end, 4},
          {fused, 5},
          {down, 1}});
  }

  void Plan(std::vector<std::pair<uint32_t, uint64_t>> places) {
    constexpr uint64_t kPlace = 64 * kHidden * 4;
    offsets.assign(program.values().size(), CONCORD_NO_OFFSET);
    for (const auto& [value, place] : places) offsets[value] = place * kPlace;
    planned = 6 * kPlace;
  }
};

// A model on one device, ready to run.
class Runner {
 public:
  Runner(const Model& model, std::shared_ptr<Device> device, int64_t capacity) : device_(std::move(device)) {
    auto program = device_->Compile(model.program.desc());
    EXPECT_TRUE(program.ok()) << program.status();
    std::mt19937 rng(7);
    std::vector<concord_binding> fixed;
    for (const concord_value_desc& v : model.program.values()) {
      if (v.role == CONCORD_ROLE_CONSTANT) fixed.push_back(MakeWeight(v, rng).Bind(v.slot));
    }
    const concord_symbol_value cap{0, 0, capacity};
    PrepareArgs args;
    args.capacities = absl::MakeConstSpan(&cap, 1);
    args.bindings = fixed;
    args.value_offsets = model.offsets;
    args.planned_bytes = model.planned;
    auto prepared = program->Prepare(args);
    EXPECT_TRUE(prepared.ok()) << prepared.status();
    prepared_ = *std::move(prepared);
    workspace_ = *device_->CreateBuffer(prepared_.workspace_bytes());
    ids_ = *device_->CreateBuffer(64 * 4);
    logits_ = *device_->CreateBuffer(64 * kVocab * 4);
    done_ = *device_->CreateSemaphore();
    bindings_ = {workspace_.Bind(CONCORD_NONE, CONCORD_ROLE_WORKSPACE),
                 ids_.Bind(model.program.values()[model.ids].slot, CONCORD_ROLE_INPUT),
                 logits_.Bind(model.program.values()[model.logits].slot, CONCORD_ROLE_OUTPUT)};
  }

  // Garbage in the workspace must not matter.
  void Poison() { std::memset(*workspace_.Map(CONCORD_MAP_WRITE), 0xFF, workspace_.size_bytes()); }

  absl::Status Step(absl::Span<const int32_t> ids) {
    if (!ids.empty()) std::memcpy(*ids_.Map(CONCORD_MAP_WRITE), ids.data(), ids.size() * 4);
    const concord_symbol_value n{0, 0, static_cast<int64_t>(ids.size())};
    const concord_point done = done_.At(++value_);
    SubmitArgs args;
    args.prepared = &prepared_;
    args.values = absl::MakeConstSpan(&n, 1);
    args.bindings = bindings_;
    args.signals = absl::MakeConstSpan(&done, 1);
    CONCORD_RETURN_IF_ERROR(device_->Submit(args));
    return done_.Wait(value_);
  }
  std::vector<float> Logits(size_t rows) const {
    std::vector<float> out(rows * kVocab);
    if (rows > 0) std::memcpy(out.data(), *logits_.Map(CONCORD_MAP_READ), out.size() * 4);
    return out;
  }
  std::vector<float> Run(const std::vector<int32_t>& ids) {
    Poison();
    const absl::Status status = Step(ids);
    EXPECT_TRUE(status.ok()) << status;
    return Logits(ids.size());
  }

 private:
  const Constant& MakeWeight(const concord_value_desc& v, std::mt19937& rng) {
    const bool blocks = v.type.block_elems > 1;
    int64_t elems = 1;
    for (uint32_t d = 0; d < v.rank; ++d) elems *= v.dims[d].value;
    std::vector<char>& bytes =
        weights_.emplace_back(static_cast<size_t>(elems / v.type.block_elems * v.type.block_bytes));
    if (blocks) {
      for (char& b : bytes) b = static_cast<char>(rng());
      const uint16_t scale = 0x1C00;  // 2^-8 as f16
      for (size_t i = 0; i < bytes.size(); i += v.type.block_bytes) std::memcpy(&bytes[i], &scale, 2);
    } else {
      std::uniform_real_distribution<float> unit(0.5f, 1.5f);
      for (size_t i = 0; i < bytes.size(); i += 4) {
        const float f = unit(rng);
        std::memcpy(&bytes[i], &f, 4);
      }
    }
    concord_constant_desc desc{};
    desc.flags = CONCORD_CONSTANT_STABLE;
    desc.type = v.type;
    desc.name = Str("w");
    desc.rank = v.rank;
    for (uint32_t d = 0; d < v.rank; ++d) desc.dims[d] = v.dims[d].value;
    desc.host_data = bytes.data();
    desc.host_size_bytes = bytes.size();
    desc.row_stride_bytes = static_cast<uint64_t>(v.dims[v.rank - 1].value) / v.type.block_elems * v.type.block_bytes;
    constants_.push_back(*device_->CreateConstant(desc));
    return constants_.back();
  }

  std::shared_ptr<Device> device_;
  std::deque<std::vector<char>> weights_;
  std::deque<Constant> constants_;
  Prepared prepared_;
  Buffer workspace_, ids_, logits_;
  Semaphore done_;
  uint64_t value_ = 0;
  std::vector<concord_binding> bindings_;
};

class CpuProgram : public ::testing::TestWithParam<const char*> {
 protected:
  std::shared_ptr<Device> Open(const char* name, uint32_t threads) {
    DeviceRegistry::Options options;
    options.search_environment = false;
    options.host = HostServices::Create({.threads = threads, .pin_cores = false, .log = {}, .tracer = {}});
    auto device = DeviceRegistry::Discover(options).Open(name);
    EXPECT_TRUE(device.ok()) << device.status();
    return *device;
  }
};

TEST_P(CpuProgram, AgreesWithTheReference) {
  const Model model(GetParam());
  Runner cpu(model, Open("cpu", 3), 64), reference(model, Open("reference", 1), 64);
  std::mt19937 rng(1);
  for (size_t n : {size_t{1}, size_t{5}, size_t{64}, size_t{0}}) {
    std::vector<int32_t> ids(n);
    for (int32_t& id : ids) id = static_cast<int32_t>(rng() % kVocab);
    const std::vector<float> got = cpu.Run(ids), want = reference.Run(ids);
    double largest = 0, worst = 0, error_sq = 0, want_sq = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      largest = std::max<double>(largest, std::fabs(want[i]));
      worst = std::max<double>(worst, std::fabs(got[i] - want[i]));
      error_sq += std::pow(got[i] - want[i], 2);
      want_sq += std::pow(want[i], 2);
    }
    // int8/32 rounds x before each linear, and a value at the edge between two steps (1/127 of the largest of its 32)
    // may fall either way; later layers carry that on. So single elements may be off, but few.
    const bool exact = std::string(GetParam()) == "f32";
    EXPECT_TRUE(worst <= (exact ? 1e-5 : 3e-2) * largest) << n << " tokens: " << worst << " of " << largest;
    EXPECT_LE(std::sqrt(error_sq), (exact ? 1e-5 : 2e-3) * std::sqrt(want_sq)) << n << " tokens";
    EXPECT_EQ(largest > 0.0, n != 0);
  }
}

// D13: a row's result does not depend on its neighbours, on the batch or on the number of threads.
TEST_P(CpuProgram, ARowAloneIsTheSameRowInABatch) {
  const Model model(GetParam());
  Runner one(model, Open("cpu", 1), 64), three(model, Open("cpu", 3), 64);
  std::vector<int32_t> ids(40);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i * 31 % kVocab);
  const std::vector<float> all = three.Run(ids), again = one.Run(ids);
  EXPECT_EQ(std::memcmp(all.data(), again.data(), all.size() * 4), 0);
  for (size_t i : {0u, 7u, 39u}) {
    const std::vector<float> alone = three.Run({ids[i]});
    EXPECT_EQ(std::memcmp(alone.data(), all.data() + i * kVocab, kVocab * 4), 0) << "row " << i;
  }
}

TEST_P(CpuProgram, ManyStepsAllocateNothing) {
  const Model model(GetParam());
  Runner cpu(model, Open("cpu", 2), 64);
  std::vector<int32_t> ids = {1, 2, 3};
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(cpu.Step(ids).ok());
  CountAllocations(true);
  std::make_unique<std::string>(100, 'x');
  ASSERT_GE(CountAllocations(false), 2) << "the count does not work";
#if defined(__SANITIZE_THREAD__)
  constexpr int kSteps = 64;  // a hundred times slower there
#else
  constexpr int kSteps = 4096;
#endif
  CountAllocations(true);
  bool ok = true;
  for (int i = 0; i < kSteps; ++i) ok = ok && cpu.Step(absl::MakeConstSpan(ids).subspan(0, 1 + i % 3)).ok();
  const int64_t allocations = CountAllocations(false);
  EXPECT_TRUE(ok);
  EXPECT_EQ(allocations, 0);
}

TEST_P(CpuProgram, BadSubmissionsAreRefused) {
  const Model model(GetParam());
  Runner cpu(model, Open("cpu", 1), 8);
  EXPECT_EQ(cpu.Step(std::vector<int32_t>(9, 1)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(cpu.Step(std::vector<int32_t>(8, 1)).ok());
}

INSTANTIATE_TEST_SUITE_P(Arithmetic, CpuProgram, ::testing::Values("f32", "int8/32"),
                         [](const auto& info) { return info.param[0] == 'f' ? "f32" : "int8"; });

}  // namespace
}  // namespace concord::hal
