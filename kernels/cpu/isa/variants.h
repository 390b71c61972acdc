#pragma once

#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/linear.h"

// What each file of this folder defines.
#define CONCORD_DECLARE_ISA(name)                 \
  namespace concord::kernels::name {              \
  extern const KernelTable kTable;                \
  const LinearKernel* LinearList(int32_t* count); \
  }

CONCORD_DECLARE_ISA(portable)
#if defined(__x86_64__)
CONCORD_DECLARE_ISA(avx2)
CONCORD_DECLARE_ISA(avx512)
CONCORD_DECLARE_ISA(avx512vnni)
CONCORD_DECLARE_ISA(avx512bf16)
CONCORD_DECLARE_ISA(avx512amx)
#elif defined(__aarch64__)
CONCORD_DECLARE_ISA(neon)
CONCORD_DECLARE_ISA(neon_dotprod)
CONCORD_DECLARE_ISA(neon_i8mm)
#endif

#undef CONCORD_DECLARE_ISA
