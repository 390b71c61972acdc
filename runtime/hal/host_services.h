#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "concord/plugin.h"
#include "runtime/base/log.h"
#include "runtime/base/task_arena.h"
#include "runtime/base/tracer.h"

namespace concord::hal {

// What the host offers to plugins (concord_host_api): threads, memory, names, clock, log, trace. Outlives every
// instance that was made with it, so it is held by shared_ptr.
class HostServices {
 public:
  struct Options {
    uint32_t threads = 0;  // of the arena; 0 = TaskArena::DefaultThreads()
    bool pin_cores = false;
    LogFn log;
    std::shared_ptr<Tracer> tracer;  // null = tracing is off
  };

  explicit HostServices(Options options);
  static std::shared_ptr<HostServices> Create() { return Create(Options{}); }
  static std::shared_ptr<HostServices> Create(Options options) {
    return std::make_shared<HostServices>(std::move(options));
  }
  HostServices(const HostServices&) = delete;
  HostServices& operator=(const HostServices&) = delete;

  // Points into this object.
  const concord_host_api& api() const { return api_; }
  TaskArena& arena() { return arena_; }
  void Log(LogLevel level, absl::string_view message) const;
  const LogFn& log() const { return options_.log; }
  const std::shared_ptr<Tracer>& tracer() const { return options_.tracer; }

  // Memory that plugins hold now, and the number of allocations that they ever made.
  uint64_t allocated_bytes() const { return allocated_bytes_.load(std::memory_order_relaxed); }
  uint64_t allocation_count() const { return allocation_count_.load(std::memory_order_relaxed); }

  // The clock of now_ns.
  static uint64_t NowNs() { return Tracer::NowNs(); }

 private:
  void Trace(const char* track, const char* name, uint64_t begin_ns, uint64_t end_ns) const;
  void* Alloc(uint64_t size_bytes, uint64_t align_bytes);
  void Free(void* memory);

  Options options_;
  TaskArena arena_;
  concord_host_api api_{};
  std::atomic<uint64_t> allocated_bytes_{0};
  std::atomic<uint64_t> allocation_count_{0};
};

}  // namespace concord::hal
