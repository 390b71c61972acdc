#define CONCORD_ISA_NAMESPACE avx512
#define CONCORD_ISA_VALUE Isa::kAvx512

#include "kernels/cpu/impl/all.h"
