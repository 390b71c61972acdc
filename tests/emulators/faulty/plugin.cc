// The reference device, a dozen times, with one thing wrong with each: what the suite must catch. See path.h.
#include "tests/emulators/faulty/path.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <vector>

#include "backends/reference/program.h"

namespace concord::faulty {
namespace {

constexpr const char* kNames[kFaults] = {"nothing is wrong",
                                         "rms_norm times 1.01",
                                         "logits of models times 1.01",
                                         "rms_norm with another last bit each time",
                                         "rms_norm writes past its output",
                                         "says no without a reason",
                                         "says yes and cannot",
                                         "never says the same twice",
                                         "keeps the memory of its buffers",
                                         "has memory without end",
                                         "does not wait",
                                         "copies from the wrong place",
                                         "linear times 1.01",
                                         "attention times 1.01",
                                         "programs with shared memory times 1.01"};

constexpr const char kVictim[] = "rms_norm";
const char* VictimOf(Fault fault) {
  return fault == kScaledLinear ? "linear" : fault == kScaledAttention ? "attention" : kVictim;
}
constexpr size_t kWholeModel = 10;  // ops that a program of the suite has only when it is a model

// Applies the fault to what a program has computed.
class FaultyPrepared final : public sdk::HostPrepared {
 public:
  FaultyPrepared(std::unique_ptr<sdk::Prepared> inner, const concord_prepare_args& args, Fault fault, bool victim,
                 bool model)
      : inner_(std::move(inner)),
        fault_(fault),
        victim_(victim),
        model_(model),
        shared_(model && args.planned_bytes > 0) {
    sdk::ArrayView<concord_binding>(args.bindings).CopyTo(&fixed_);
  }

  sdk::Status Check(const sdk::Work& work) override { return Inner().Check(work); }
  sdk::Status Execute(const sdk::Work& work) override {
    sdk::Status status = Inner().Execute(work);
    if (!status.ok()) return status;
    Spoil(fixed_);
    Spoil(work.bindings);
    return sdk::Ok();
  }

 private:
  sdk::HostPrepared& Inner() { return static_cast<sdk::HostPrepared&>(*inner_); }

  void Spoil(const std::vector<concord_binding>& bindings) {
    for (const concord_binding& b : bindings) {
      if (b.role == CONCORD_ROLE_OUTPUT) Spoil(sdk::HostBufferOf(b.buffer)->data() + b.offset_bytes, b.size_bytes);
    }
  }

  void Spoil(char* bytes, uint64_t size) {
    const bool alone = fault_ == kScaled || fault_ == kScaledLinear || fault_ == kScaledAttention;
    const bool scaled = (alone && victim_) || (fault_ == kScaledDeep && model_) || (fault_ == kScaledShared && shared_);
    for (uint64_t at = 0; scaled && at + sizeof(float) <= size; at += sizeof(float)) {
      float value = 0;
      std::memcpy(&value, bytes + at, sizeof(value));
      value *= 1.01f;
      std::memcpy(bytes + at, &value, sizeof(value));
    }
    if (!victim_) return;
    if (fault_ == kUnsteady && size > 0) Flip(bytes);
    if (fault_ == kOverrun) std::memset(bytes + size, 0, 4);
  }

  static void Flip(char* byte) {
    static std::atomic<uint32_t> runs{0};
    *byte = static_cast<char>(*byte ^ static_cast<char>(runs.fetch_add(1) & 1));
  }

  std::unique_ptr<sdk::Prepared> inner_;
  std::vector<concord_binding> fixed_;  // what prepare bound: the logits of a model
  Fault fault_;
  bool victim_, model_, shared_;
};

class FaultyProgram final : public sdk::Program {
 public:
  FaultyProgram(const concord_program_desc& desc, Fault fault) : inner_(desc), fault_(fault) {
    const sdk::Graph graph(desc);
    victim_ = graph.n_ops() == 1 && graph.op(0).name() == VictimOf(fault);
    model_ = graph.n_ops() >= kWholeModel;
  }

  sdk::Result<std::unique_ptr<sdk::Prepared>> Prepare(const concord_prepare_args& args,
                                                      concord_prepare_result* result) override {
    sdk::Result<std::unique_ptr<sdk::Prepared>> inner = inner_.Prepare(args, result);
    if (!inner.ok()) return inner.status();
    auto made = std::make_unique<FaultyPrepared>(std::move(*inner), args, fault_, victim_, model_);
    return std::unique_ptr<sdk::Prepared>(std::move(made));
  }

 private:
  reference::ReferenceProgram inner_;
  Fault fault_;
  bool victim_ = false, model_ = false;
};

// Its memory is never given back, though reachable, so that no leak checker of the test itself minds.
class LeakyBuffer final : public sdk::HostBuffer {
 public:
  using HostBuffer::HostBuffer;

  static sdk::Result<std::unique_ptr<sdk::Buffer>> Make(const sdk::Host& host, const concord_buffer_desc& desc) {
    static std::mutex mutex;
    static auto* kept = new std::vector<void*>;
    void* memory = host.Alloc(desc.size_bytes + 1, std::max<uint64_t>(desc.align_bytes, 64));
    if (memory == nullptr) return sdk::Error(CONCORD_RESOURCE_EXHAUSTED, "no memory for ", desc.size_bytes, " bytes");
    std::lock_guard<std::mutex> lock(mutex);
    kept->push_back(memory);
    return std::unique_ptr<sdk::Buffer>(std::make_unique<LeakyBuffer>(memory, desc.size_bytes));
  }
};

class ImpatientSemaphore final : public sdk::InlineSemaphore {
 public:
  using InlineSemaphore::InlineSemaphore;
  sdk::Status Wait(uint64_t value, uint64_t timeout_ns) override {
    sdk::Status status = InlineSemaphore::Wait(value, timeout_ns);
    return status.code == CONCORD_DEADLINE_EXCEEDED ? sdk::Ok() : status;
  }
};

class FaultyDevice final : public sdk::HostDevice {
 public:
  FaultyDevice(const sdk::Host* host, sdk::InlineScheduler* scheduler, Fault fault)
      : HostDevice(host, scheduler), scheduler_(scheduler), fault_(fault) {}

  sdk::Result<std::unique_ptr<sdk::Buffer>> CreateBuffer(const concord_buffer_desc& desc) override {
    if (fault_ == kLeaky) return LeakyBuffer::Make(host(), desc);
    concord_buffer_desc less = desc;
    if (fault_ == kGenerous) less.size_bytes = std::min<uint64_t>(less.size_bytes, 1 << 30);
    return HostDevice::CreateBuffer(less);
  }
  sdk::Result<std::unique_ptr<sdk::Semaphore>> CreateSemaphore(uint64_t initial_value) override {
    if (fault_ != kImpatient) return HostDevice::CreateSemaphore(initial_value);
    return std::unique_ptr<sdk::Semaphore>(std::make_unique<ImpatientSemaphore>(scheduler_, initial_value));
  }

  sdk::Support QueryOp(const sdk::Op& op) override {
    if (op.name() == kVictim && fault_ == kSilent) return {CONCORD_SUPPORT_NO, ""};
    if (op.name() == kVictim && fault_ == kFickle) return sdk::No("this is question ", questions_.fetch_add(1));
    return reference::QueryOp(op);
  }
  sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc& desc) override {
    const sdk::Graph graph(desc);
    for (uint32_t i = 0; fault_ == kPromising && i < graph.n_ops(); ++i) {
      if (graph.op(i).name() == kVictim) return sdk::Error(CONCORD_INTERNAL, "the compiler gave up");
    }
    return std::unique_ptr<sdk::Program>(std::make_unique<FaultyProgram>(desc, fault_));
  }

  sdk::Status Copy(const concord_copy_args& args) override {
    concord_copy_args copy = args;
    if (fault_ == kCareless && copy.source_offset_bytes < copy.size_bytes) copy.source_offset_bytes = 0;
    return HostDevice::Copy(copy);
  }

 private:
  sdk::InlineScheduler* scheduler_;
  Fault fault_;
  std::atomic<uint32_t> questions_{0};
};

class FaultyInstance final : public sdk::Instance {
 public:
  explicit FaultyInstance(const sdk::Host& host) : host_(host) {}
  static sdk::Result<std::unique_ptr<sdk::Instance>> Create(const sdk::Host& host) {
    return std::unique_ptr<sdk::Instance>(std::make_unique<FaultyInstance>(host));
  }

  uint32_t DeviceCount() override { return kFaults; }
  sdk::Status DeviceInfo(uint32_t index, concord_device_info* out) override {
    out->flags = CONCORD_DEVICE_ASYNC | CONCORD_DEVICE_EXECUTES_IN_WAIT | CONCORD_DEVICE_HOST_MEMORY;
    out->name = sdk::ToC(kNames[index]);
    out->kind = sdk::ToC("cpu");
    out->kv_layout = sdk::ToC("kv.paged/1");
    out->max_buffer_bytes = uint64_t{1} << 40;
    out->binding_align_bytes = 64;
    out->constant_align_bytes = 1;
    out->queue_count = 1;
    out->max_partition_ops = UINT32_MAX;
    return sdk::Ok();
  }
  sdk::Result<std::unique_ptr<sdk::Device>> OpenDevice(uint32_t index) override {
    return std::unique_ptr<sdk::Device>(std::make_unique<FaultyDevice>(&host_, &scheduler_, static_cast<Fault>(index)));
  }

 private:
  sdk::Host host_;
  sdk::InlineScheduler scheduler_;
};

}  // namespace
}  // namespace concord::faulty

CONCORD_PLUGIN(faulty, "Concord", concord::faulty::FaultyInstance)
