#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/sdk/arrays.h"
#include "backends/sdk/inline_queue.h"
#include "backends/sdk/objects.h"
#include "backends/sdk/queue_calls.h"
#include "backends/sdk/status.h"
#include "backends/sdk/trace.h"
#include "concord/plugin.h"

// A device that computes on host threads over host memory: buffers, semaphores and the queue are done here; an author
// adds ops (QueryOp, Compile) and an Execute for what they compile to.
namespace concord::sdk {
inline namespace v0 {

// How much host memory a device's objects hold.
class MemoryCount {
 public:
  void Add(uint64_t bytes) {
    const uint64_t now = used_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    uint64_t peak = peak_.load(std::memory_order_relaxed);
    while (peak < now && !peak_.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
    }
  }
  void Remove(uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  uint64_t peak() const { return peak_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> used_{0};
  std::atomic<uint64_t> peak_{0};
};

// Aligned host memory from the host's allocator, counted; freed with the object.
class HostMemory {
 public:
  HostMemory() = default;
  HostMemory(HostMemory&& other) noexcept { *this = std::move(other); }
  HostMemory& operator=(HostMemory&& other) noexcept {
    std::swap(host_, other.host_);
    std::swap(count_, other.count_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~HostMemory() {
    if (data_ == nullptr) return;
    count_->Remove(size_);
    host_->Free(data_);
  }

  static Result<HostMemory> Make(const Host* host, MemoryCount* count, uint64_t size_bytes, uint64_t align_bytes) {
    HostMemory memory;
    memory.host_ = host;
    memory.count_ = count;
    // One byte at least, so that an empty buffer has an address too.
    memory.data_ = host->Alloc(size_bytes == 0 ? 1 : size_bytes, align_bytes < 64 ? 64 : align_bytes);
    if (memory.data_ == nullptr) {
      return Error(CONCORD_RESOURCE_EXHAUSTED, "no host memory for ", size_bytes, " bytes; ", count->used(),
                   " bytes are in use by this device");
    }
    memory.size_ = size_bytes;
    count->Add(size_bytes);
    return memory;
  }

  void* data() const { return data_; }
  uint64_t size() const { return size_; }

 private:
  const Host* host_ = nullptr;
  MemoryCount* count_ = nullptr;
  void* data_ = nullptr;
  uint64_t size_ = 0;
};

class HostBuffer : public Buffer {
 public:
  explicit HostBuffer(HostMemory memory)
      : memory_(std::move(memory)), data_(static_cast<char*>(memory_.data())), size_(memory_.size()) {}
  HostBuffer(void* imported, uint64_t size_bytes) : data_(static_cast<char*>(imported)), size_(size_bytes) {}

  Result<void*> Map(uint64_t offset_bytes, uint64_t size_bytes, uint32_t) override {
    Status status = CheckRange(offset_bytes, size_bytes);
    if (!status.ok()) return status;
    return static_cast<void*>(data_ + offset_bytes);
  }
  Status FlushRange(uint64_t offset_bytes, uint64_t size_bytes) override {
    return CheckRange(offset_bytes, size_bytes);
  }

  Status CheckRange(uint64_t offset_bytes, uint64_t size_bytes) const {
    if (offset_bytes <= size_ && size_bytes <= size_ - offset_bytes) return Ok();
    return Error(CONCORD_OUT_OF_RANGE, "bytes ", offset_bytes, " + ", size_bytes, " of a buffer of ", size_);
  }
  char* data() const { return data_; }
  uint64_t size() const { return size_; }

 private:
  HostMemory memory_;
  char* data_;
  uint64_t size_;
};

inline HostBuffer* HostBufferOf(concord_buffer* handle) { return static_cast<HostBuffer*>(ObjectOf(handle)); }

// A weight in host memory: in place when the host promises that it stays, else a copy with the same layout.
class HostConstant final : public Constant {
 public:
  static Result<std::unique_ptr<Constant>> Make(const Host* host, MemoryCount* count,
                                                const concord_constant_desc& desc) {
    if (desc.host_data == nullptr && desc.host_size_bytes != 0) {
      return Error(CONCORD_INVALID_ARGUMENT, "constant ", desc.name, " has no data");
    }
    auto made = std::unique_ptr<HostConstant>(new HostConstant);
    made->packing_ = std::string(FromC(desc.type.packing));
    made->desc_ = desc;
    made->desc_.type.packing = ToC(made->packing_);
    made->desc_.name = {nullptr, 0};
    if ((desc.flags & CONCORD_CONSTANT_STABLE) == 0) {
      Result<HostMemory> memory = HostMemory::Make(host, count, desc.host_size_bytes, 64);
      if (!memory.ok()) return memory.status();
      if (desc.host_size_bytes != 0) std::memcpy(memory->data(), desc.host_data, desc.host_size_bytes);
      made->memory_ = std::move(*memory);
      made->desc_.host_data = made->memory_.data();
    }
    return std::unique_ptr<Constant>(std::move(made));
  }

  // As given, with `host_data` where the bytes now are; `name` is not kept.
  const concord_constant_desc& desc() const { return desc_; }
  const char* data() const { return static_cast<const char*>(desc_.host_data); }

 private:
  HostConstant() = default;

  HostMemory memory_;
  std::string packing_;
  concord_constant_desc desc_{};
};

// What a host-executing device compiles to.
class HostPrepared : public Prepared {
 public:
  // INVALID_ARGUMENT when something is missing, misaligned, too small or over its capacity. On the submitting thread.
  virtual Status Check(const Work& work) = 0;
  // On whichever thread waits; one at a time a device.
  virtual Status Execute(const Work& work) = 0;
};

class HostDevice : public Device, public TraceSource, private WorkExecutor {
 public:
  // Both outlive the device: they are the instance's.
  HostDevice(const Host* host, InlineScheduler* scheduler)
      : host_(host), scheduler_(scheduler), queue_(scheduler, this) {}

  Status MemoryStats(concord_memory_stats* out) override {
    out->used_bytes = memory_.used();
    out->peak_bytes = memory_.peak();
    out->total_bytes = TotalMemory();
    out->free_bytes = out->total_bytes > out->used_bytes ? out->total_bytes - out->used_bytes : 0;
    return Ok();
  }

  Result<std::unique_ptr<Buffer>> CreateBuffer(const concord_buffer_desc& desc) override {
    Result<HostMemory> memory = HostMemory::Make(host_, &memory_, desc.size_bytes, desc.align_bytes);
    if (!memory.ok()) return memory.status();
    return std::unique_ptr<Buffer>(new HostBuffer(std::move(*memory)));
  }
  Result<std::unique_ptr<Buffer>> ImportHost(void* memory, uint64_t size_bytes) override {
    return std::unique_ptr<Buffer>(new HostBuffer(memory, size_bytes));
  }
  Result<std::unique_ptr<Semaphore>> CreateSemaphore(uint64_t initial_value) override {
    return std::unique_ptr<Semaphore>(new InlineSemaphore(scheduler_, initial_value));
  }
  Result<std::unique_ptr<Constant>> CreateConstant(const concord_constant_desc& desc) override {
    return HostConstant::Make(host_, &memory_, desc);
  }

  Status Submit(const concord_submit_args& args) override { return calls_.Submit(args); }
  Status Copy(const concord_copy_args& args) override { return calls_.Copy(args); }
  Status Fill(const concord_fill_args& args) override { return calls_.Fill(args); }
  Status Barrier(const concord_barrier_args& args) override { return calls_.Barrier(args); }

  bool Busy() override { return queue_.Busy(); }

  // The clock of what the device traces: the host's own.
  virtual uint64_t TraceTicks() const { return host_->NowNs(); }
  Status CalibrateTrace(concord_trace_clock* out) override {
    out->host_ns = out->device_ticks = host_->NowNs();
    out->ns_per_tick = 1;
    return Ok();
  }

 protected:
  // Before each piece of work, on the thread that executes it; an error fails the work's signals (a device that is
  // lost).
  virtual Status BeforeExecute() { return Ok(); }
  // 0 = unknown.
  virtual uint64_t TotalMemory() const { return 0; }
  const Host& host() const { return *host_; }
  MemoryCount* memory() { return &memory_; }

 private:
  Status Execute(const Work& work) override {
    if (!trace_enabled() || work.kind == Work::Kind::kBarrier) return ExecuteNow(work);
    const uint64_t begin = TraceTicks();
    Status status = ExecuteNow(work);
    concord_trace_event event{begin, TraceTicks(), 0, nullptr, CONCORD_NONE, CONCORD_TRACE_SUBMISSION, 0, 0};
    if (work.kind == Work::Kind::kSubmit) {
      event.prepared = HandleOf(work.prepared);
    } else {
      const bool copy = work.kind == Work::Kind::kCopy;
      event.kind = copy ? CONCORD_TRACE_COPY : CONCORD_TRACE_FILL;
      event.bytes = copy ? work.copy.size_bytes : work.fill.size_bytes;
    }
    AddTraceEvents(&event, 1);
    return status;
  }

  Status ExecuteNow(const Work& work) {
    Status status = BeforeExecute();
    if (!status.ok()) return status;
    switch (work.kind) {
      case Work::Kind::kSubmit:
        return static_cast<HostPrepared*>(work.prepared)->Execute(work);
      case Work::Kind::kCopy:
        if (work.copy.size_bytes != 0) {
          std::memmove(HostBufferOf(work.copy.target)->data() + work.copy.target_offset_bytes,
                       HostBufferOf(work.copy.source)->data() + work.copy.source_offset_bytes, work.copy.size_bytes);
        }
        return Ok();
      case Work::Kind::kFill: {
        char* target = HostBufferOf(work.fill.target)->data() + work.fill.offset_bytes;
        for (uint64_t i = 0; i < work.fill.size_bytes; i += 4) std::memcpy(target + i, &work.fill.pattern, 4);
        return Ok();
      }
      case Work::Kind::kBarrier:
        return Ok();
      case Work::Kind::kExportState:
      case Work::Kind::kImportState:
        break;  // ops over host memory have no layout of their own
    }
    return Error(CONCORD_INTERNAL, "unknown kind of work");
  }

  const Host* host_;
  InlineScheduler* scheduler_;
  MemoryCount memory_;
  InlineQueue queue_;
  QueueCalls<HostBuffer, HostPrepared, InlineQueue> calls_{&queue_};
};

}  // namespace v0
}  // namespace concord::sdk
