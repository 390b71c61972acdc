#include "kernels/cpu/isa.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace concord::kernels {
namespace {

constexpr const char* kNames[kIsaCount] = {"portable",  "avx2", "avx512",       "avx512vnni", "avx512bf16",
                                           "avx512amx", "neon", "neon_dotprod", "neon_i8mm"};

#if defined(__x86_64__)
constexpr Isa kWeakest = Isa::kAvx2;

// State components that the operating system saves: SSE and AVX; opmask and both halves of the 512-bit registers.
constexpr uint32_t kYmmState = 0x06;
constexpr uint32_t kZmmState = 0xe6;

uint32_t SavedState() {
  uint32_t low = 0;
  uint32_t high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

bool Has(uint32_t bits, uint32_t wanted) { return (bits & wanted) == wanted; }

// The tiles are 8 KiB of state a thread, which Linux saves for processes that asked
// (Documentation/arch/x86/xstate.rst). Threads that exist already are served too. The bare instruction, since kernels
// include nothing of the system.
bool AskForTiles() {
#if defined(__linux__)
  constexpr long kArchPrctl = 158, kRequestPermission = 0x1023, kTileData = 18;
  long result = kArchPrctl;
  __asm__ volatile("syscall" : "+a"(result) : "D"(kRequestPermission), "S"(kTileData) : "rcx", "r11", "memory");
  return result == 0;
#else
  return false;
#endif
}

Isa Detect() {
  uint32_t a = 0, b = 0, c = 0, d = 0, unused = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return Isa::kPortable;
  constexpr uint32_t kFma = 1u << 12, kOsXsave = 1u << 27, kAvx = 1u << 28, kF16c = 1u << 29;
  if (!Has(c, kFma | kOsXsave | kAvx | kF16c) || !Has(SavedState(), kYmmState)) return Isa::kPortable;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0) return Isa::kPortable;
  constexpr uint32_t kAvx2Bit = 1u << 5, kVnni = 1u << 11;
  constexpr uint32_t kAvx512Bits = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;  // F, DQ, BW, VL
  if (!Has(b, kAvx2Bit)) return Isa::kPortable;
  if (!Has(b, kAvx512Bits) || !Has(SavedState(), kZmmState)) return Isa::kAvx2;
  if (!Has(c, kVnni)) return Isa::kAvx512;
  constexpr uint32_t kAmxBits = 1u << 22 | 1u << 24 | 1u << 25;  // BF16, TILE, INT8
  constexpr uint32_t kBf16 = 1u << 5;
  uint32_t a1 = 0;
  if (__get_cpuid_count(7, 1, &a1, &b, &c, &unused) == 0 || !Has(a1, kBf16)) return Isa::kAvx512Vnni;
  return Has(d, kAmxBits) && AskForTiles() ? Isa::kAvx512Amx : Isa::kAvx512Bf16;
}
#elif defined(__aarch64__)
constexpr Isa kWeakest = Isa::kNeon;

Isa Detect() {
#if defined(__linux__)
  constexpr unsigned long kDotprod = 1ul << 20, kI8mm = 1ul << 13;  // HWCAP_ASIMDDP, HWCAP2_I8MM
  if ((getauxval(AT_HWCAP) & kDotprod) == 0) return Isa::kNeon;
  return (getauxval(AT_HWCAP2) & kI8mm) != 0 ? Isa::kNeonI8mm : Isa::kNeonDotprod;
#else
  return Isa::kNeon;
#endif
}
#else
constexpr Isa kWeakest = Isa::kPortable;

Isa Detect() { return Isa::kPortable; }
#endif

Isa MachineIsa() {
  static const Isa isa = Detect();
  return isa;
}

Isa ChooseIsa() {
  const char* wish = std::getenv("CONCORD_CPU_ISA");
  for (int i = 0; wish != nullptr && i < kIsaCount; ++i) {
    if (std::strcmp(wish, kNames[i]) == 0 && IsaSupported(static_cast<Isa>(i))) return static_cast<Isa>(i);
  }
  return MachineIsa();
}

}  // namespace

const char* IsaName(Isa isa) { return kNames[static_cast<int>(isa)]; }

bool IsaSupported(Isa isa) { return isa == Isa::kPortable || (isa >= kWeakest && isa <= MachineIsa()); }

Isa BestIsa() {
  static const Isa isa = ChooseIsa();
  return isa;
}

}  // namespace concord::kernels
