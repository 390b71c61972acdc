#pragma once

#include "kernels/cpu/linear.h"

namespace concord::kernels {

// The kernels of Isa::kAvx512Amx with every instruction of the tile unit replaced by what it is defined to do, so that
// a machine with AVX512-VNNI alone can run them. Null where there is no such kernel, or not even that machine.
const LinearKernel* FindEmulatedTiles(const char* packing, const char* arithmetic);

// What a skipped test says; the emulation by qemu that ./dev installs has no AVX-512.
inline constexpr char kNoTiles[] = "this CPU has neither a tile unit (AMX) nor AVX512-VNNI, on which it is emulated";

}  // namespace concord::kernels
