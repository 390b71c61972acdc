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
CONCORD_DECLARE_ISA(avx512amx)
#endif

#undef CONCORD_DECLARE_ISA
