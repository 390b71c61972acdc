#define CONCORD_ISA_NAMESPACE avx2
#define CONCORD_ISA_VALUE Isa::kAvx2

#include "kernels/cpu/impl/all.h"
