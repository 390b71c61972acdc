#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "backends/sdk/graph.h"
#include "backends/sdk/status.h"
#include "concord/plugin.h"

// What an author implements. Every object of the C border is one of these classes; backends/sdk/trampolines.h turns
// them into the C table, reads the structs of older and newer hosts, counts objects and catches whatever is thrown. The
// rules (who may call what from which thread) are those of concord/plugin.h.
namespace concord::sdk {
inline namespace v0 {

namespace internal {
struct Table;
}

// What the host offers, with an answer for every callback that an older host lacks.
class Host {
 public:
  Host() = default;
  explicit Host(const concord_host_api* api) : api_(Import(api)) {}

  void Log(int32_t level, std::string_view message) const {
    if (api_.log != nullptr) api_.log(api_.user, level, ToC(message));
  }
  // Null when there is no memory.
  void* Alloc(uint64_t size_bytes, uint64_t align_bytes) const {
    if (HasAllocator()) return api_.alloc(api_.user, size_bytes, align_bytes);
    const uint64_t padded = size_bytes + align_bytes - 1;
    return padded < size_bytes ? nullptr : std::aligned_alloc(align_bytes, padded / align_bytes * align_bytes);
  }
  void Free(void* memory) const {
    if (!HasAllocator()) {
      std::free(memory);
    } else if (memory != nullptr) {
      api_.free(api_.user, memory);
    }
  }
  const char* Intern(std::string_view text) const {
    return api_.intern == nullptr ? nullptr : api_.intern(api_.user, ToC(text));
  }
  uint64_t NowNs() const { return api_.now_ns == nullptr ? 0 : api_.now_ns(api_.user); }
  void Trace(const char* track, const char* name, uint64_t begin_ns, uint64_t end_ns) const {
    if (api_.trace_event != nullptr) api_.trace_event(api_.user, track, name, begin_ns, end_ns);
  }
  void ParallelRun(uint32_t max_workers, concord_worker_fn* fn, void* arg) const {
    if (api_.parallel_run == nullptr) {
      fn(arg, 0, -1);
    } else {
      api_.parallel_run(api_.user, max_workers, fn, arg);
    }
  }
  uint32_t WorkerCount() const { return api_.worker_count == nullptr ? 1 : api_.worker_count(api_.user); }

 private:
  bool HasAllocator() const { return api_.alloc != nullptr && api_.free != nullptr; }

  concord_host_api api_{};
};

class Device;

class Object {
 public:
  Object() = default;
  virtual ~Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

 private:
  friend struct internal::Table;
  Device* owner_ = nullptr;
};

class Buffer : public Object {
 public:
  virtual Result<void*> Map(uint64_t, uint64_t, uint32_t) {
    return Error(CONCORD_UNIMPLEMENTED, "this buffer is not host-visible; copy through a staging buffer");
  }
  virtual void Unmap() {}
  virtual Status FlushRange(uint64_t, uint64_t) { return Ok(); }
};

class Semaphore : public Object {
 public:
  virtual Result<uint64_t> Query() = 0;
  virtual Status Signal(uint64_t value) = 0;
  virtual void Fail(const Status& reason) = 0;
  virtual Status Wait(uint64_t value, uint64_t timeout_ns) = 0;
};

class Constant : public Object {
 public:
  // Size 0 (as it stands): used in place, nothing worth keeping.
  virtual Status Export(concord_constant_blob*) { return Ok(); }
};

class Prepared : public Object {};

class Program : public Object {
 public:
  virtual Result<std::unique_ptr<Prepared>> Prepare(const concord_prepare_args& args,
                                                    concord_prepare_result* result) = 0;
  // The artefact for the host's disk cache.
  virtual Result<std::string> Serialize() { return Error(CONCORD_UNIMPLEMENTED, "nothing worth keeping"); }
};

struct Support {
  int32_t level = CONCORD_SUPPORT_NO;
  std::string reason;

  bool ok() const { return level != CONCORD_SUPPORT_NO; }
};

inline Support Supported(int32_t level = CONCORD_SUPPORT_FAST) { return {level, {}}; }

// A NO that says why.
template <typename... Parts>
Support No(const Parts&... parts) {
  return {CONCORD_SUPPORT_NO, Cat(parts...)};
}

class Device {
 public:
  virtual ~Device() = default;

  virtual Status MemoryStats(concord_memory_stats* out) = 0;
  virtual Result<std::unique_ptr<Buffer>> CreateBuffer(const concord_buffer_desc& desc) = 0;
  virtual Result<std::unique_ptr<Buffer>> ImportHost(void*, uint64_t) {
    return Error(CONCORD_UNIMPLEMENTED, "this device cannot use host memory in place");
  }
  virtual Result<std::unique_ptr<Semaphore>> CreateSemaphore(uint64_t initial_value) = 0;
  virtual Result<std::unique_ptr<Constant>> CreateConstant(const concord_constant_desc& desc) = 0;

  virtual Support QueryOp(const Op& op) = 0;
  // Called only with ops that QueryOp accepts.
  virtual Result<std::unique_ptr<Program>> Compile(const concord_program_desc& desc) = 0;
  virtual Result<std::unique_ptr<Program>> Deserialize(const concord_program_desc&, std::string_view) {
    return Error(CONCORD_UNIMPLEMENTED, "this device keeps no artefacts");
  }
  virtual uint64_t Fingerprint() { return 0; }

  virtual Status Submit(const concord_submit_args& args) = 0;
  virtual Status Copy(const concord_copy_args& args) = 0;
  virtual Status Fill(const concord_fill_args& args) = 0;
  virtual Status Barrier(const concord_barrier_args& args) = 0;
  // For a device whose kv_layout is its own. With QueueCalls: refuse here what cannot be converted, hand on the rest to
  // the call of the same name, and have the executor move blocks when it meets Work::Kind::kExportState or
  // kImportState.
  virtual Status ExportState(const concord_state_args&) { return NoStateMoves(); }
  virtual Status ImportState(const concord_state_args&) { return NoStateMoves(); }
  // Whether work is pending or running: the device cannot be closed then.
  virtual bool Busy() { return false; }

 private:
  friend struct internal::Table;
  static Status NoStateMoves() {
    return Error(CONCORD_UNIMPLEMENTED, "this device does not bring state from or into another layout");
  }
  class Instance* instance_ = nullptr;
  std::atomic<int64_t> live_objects_{0};
};

// One host's use of the plugin; owns nothing that another instance can see. A derived class has
//   static Result<std::unique_ptr<Instance>> Create(const Host& host);
class Instance {
 public:
  virtual ~Instance() = default;

  virtual uint32_t DeviceCount() = 0;
  virtual Status DeviceInfo(uint32_t index, concord_device_info* out) = 0;
  virtual Result<std::unique_ptr<Device>> OpenDevice(uint32_t index) = 0;
  virtual const void* Extension(std::string_view) { return nullptr; }
  // Joins every thread. Called once, when all devices are closed; the instance is deleted after OK.
  virtual Status Shutdown() { return Ok(); }

 private:
  friend struct internal::Table;
  std::atomic<int64_t> open_devices_{0};
};

// Handles of the border are pointers to these classes.
inline Buffer* ObjectOf(concord_buffer* handle) { return reinterpret_cast<Buffer*>(handle); }
inline Semaphore* ObjectOf(concord_semaphore* handle) { return reinterpret_cast<Semaphore*>(handle); }
inline Constant* ObjectOf(concord_constant* handle) { return reinterpret_cast<Constant*>(handle); }
inline Program* ObjectOf(concord_program* handle) { return reinterpret_cast<Program*>(handle); }
inline Prepared* ObjectOf(concord_prepared* handle) { return reinterpret_cast<Prepared*>(handle); }
inline concord_prepared* HandleOf(const Prepared* object) {
  return reinterpret_cast<concord_prepared*>(const_cast<Prepared*>(object));
}
inline Device* ObjectOf(concord_device* handle) { return reinterpret_cast<Device*>(handle); }
inline Instance* ObjectOf(concord_instance* handle) { return reinterpret_cast<Instance*>(handle); }

}  // namespace v0
}  // namespace concord::sdk
