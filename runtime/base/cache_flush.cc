#include "runtime/base/cache_flush.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace concord {
namespace {

#if defined(__x86_64__)
constexpr size_t kLine = 64;

// clflush is there on every x86-64 but waits for itself line by line; clflushopt does not.
bool HasFlushOpt() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b >> 23 & 1) != 0;
}

void FlushLine(const char* line, bool opt) {
  if (opt) {
    asm volatile("clflushopt %0" ::"m"(*line) : "memory");
  } else {
    asm volatile("clflush %0" ::"m"(*line) : "memory");
  }
}

void Finish() { asm volatile("mfence" ::: "memory"); }
constexpr bool kCan = true;
#elif defined(__aarch64__) && defined(__linux__)
constexpr size_t kLine = 64;  // of most; a longer line is flushed twice
bool HasFlushOpt() { return true; }
void FlushLine(const char* line, bool) { asm volatile("dc civac, %0" ::"r"(line) : "memory"); }
void Finish() { asm volatile("dsb sy" ::: "memory"); }
constexpr bool kCan = true;
#else
constexpr size_t kLine = 64;
bool HasFlushOpt() { return false; }
void FlushLine(const char*, bool) {}
void Finish() {}
constexpr bool kCan = false;
#endif

}  // namespace

bool FlushFromCaches(const void* memory, size_t size_bytes) {
  if (!kCan) return false;
  static const bool opt = HasFlushOpt();
  const char* data = static_cast<const char*>(memory);
  for (size_t at = 0; at < size_bytes; at += kLine) FlushLine(data + at, opt);
  Finish();
  return true;
}

}  // namespace concord
