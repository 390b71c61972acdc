#include "runtime/hal/host_services.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "runtime/base/intern.h"

namespace concord::hal {
namespace {

HostServices* Self(void* user) { return static_cast<HostServices*>(user); }

// Half of a process's address space: such sizes are mistakes, and sanitizers end the process when malloc sees them.
constexpr uint64_t kMostBytes = uint64_t{1} << 46;

// Stands in the bytes before each allocation.
struct Header {
  void* base;
  uint64_t size_bytes;
};

}  // namespace

HostServices::HostServices(Options options)
    : options_(std::move(options)), arena_({options_.threads, options_.pin_cores}) {
  api_.struct_size = sizeof(api_);
  api_.abi_major = CONCORD_ABI_MAJOR;
  api_.abi_minor = CONCORD_ABI_MINOR;
  api_.user = this;
  api_.log = [](void* user, int32_t level, concord_string message) {
    const int32_t known = std::clamp<int32_t>(level, CONCORD_LOG_DEBUG, CONCORD_LOG_ERROR);
    Self(user)->Log(static_cast<LogLevel>(known), absl::string_view(message.data, message.size_bytes));
  };
  api_.alloc = [](void* user, uint64_t size, uint64_t align) { return Self(user)->Alloc(size, align); };
  api_.free = [](void* user, void* memory) { Self(user)->Free(memory); };
  api_.intern = [](void*, concord_string text) { return Intern(absl::string_view(text.data, text.size_bytes)); };
  api_.now_ns = [](void*) { return NowNs(); };
  api_.trace_event = [](void* user, const char* track, const char* name, uint64_t begin_ns, uint64_t end_ns) {
    Self(user)->Trace(track, name, begin_ns, end_ns);
  };
  api_.parallel_run = [](void* user, uint32_t max_workers, concord_worker_fn* fn, void* arg) {
    Self(user)->arena_.ParallelRun(max_workers, fn, arg);
  };
  api_.worker_count = [](void* user) { return Self(user)->arena_.worker_count(); };
}

void HostServices::Log(LogLevel level, absl::string_view message) const {
  if (options_.log) options_.log(level, message);
}

void HostServices::Trace(const char* track, const char* name, uint64_t begin_ns, uint64_t end_ns) const {
  if (options_.tracer == nullptr || track == nullptr || name == nullptr) return;
  TraceSlice slice;
  slice.name = name;
  slice.begin_ns = begin_ns;
  slice.end_ns = std::max(begin_ns, end_ns);
  slice.track = options_.tracer->Track("plugins", track);
  options_.tracer->Add(slice);
}

void* HostServices::Alloc(uint64_t size_bytes, uint64_t align_bytes) {
  if (align_bytes == 0 || (align_bytes & (align_bytes - 1)) != 0) return nullptr;
  if (size_bytes > kMostBytes) return nullptr;
  const uint64_t align = std::max<uint64_t>(align_bytes, alignof(Header));
  uint64_t total = 0;
  if (__builtin_add_overflow(size_bytes, align + sizeof(Header), &total)) return nullptr;
  void* base = std::malloc(total);
  if (base == nullptr) return nullptr;
  const uintptr_t first = reinterpret_cast<uintptr_t>(base) + sizeof(Header);
  char* const memory = reinterpret_cast<char*>((first + align - 1) & ~static_cast<uintptr_t>(align - 1));
  const Header header{base, size_bytes};
  std::memcpy(memory - sizeof(Header), &header, sizeof(Header));
  allocated_bytes_.fetch_add(size_bytes, std::memory_order_relaxed);
  allocation_count_.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void HostServices::Free(void* memory) {
  if (memory == nullptr) return;
  Header header;
  std::memcpy(&header, static_cast<char*>(memory) - sizeof(Header), sizeof(Header));
  allocated_bytes_.fetch_sub(header.size_bytes, std::memory_order_relaxed);
  std::free(header.base);
}

}  // namespace concord::hal
