#pragma once

namespace concord::kernels {

// Instruction sets that the kernels are built for, of each architecture the weakest first. Every binary holds all that
// its architecture has; the choice is made at run time.
enum class Isa {
  kPortable,    // plain C++, any machine
  kAvx2,        // AVX2, FMA, F16C
  kAvx512,      // AVX-512 F, BW, DQ, VL
  kAvx512Vnni,  // and VNNI
  kAvx512Bf16,  // and BF16
  kAvx512Amx,   // and AMX tiles of int8 and bf16

  kNeon,         // Arm: armv8-a, which has NEON
  kNeonDotprod,  // and armv8.2-a with sdot
  kNeonI8mm,     // and usdot
};

constexpr int kIsaCount = 9;

// "portable", "avx2", "avx512", "avx512vnni", "avx512bf16", "avx512amx", "neon", "neon_dotprod", "neon_i8mm".
const char* IsaName(Isa isa);

// True when this build holds the variant and this machine (and its operating system) can run it.
bool IsaSupported(Isa isa);

// The strongest supported one, at most the one that the environment variable CONCORD_CPU_ISA names. Decided once.
// An unknown name there is ignored.
Isa BestIsa();

}  // namespace concord::kernels
