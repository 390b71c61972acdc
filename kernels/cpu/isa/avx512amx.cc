#define CONCORD_ISA_NAMESPACE avx512amx
#define CONCORD_ISA_VALUE Isa::kAvx512Amx

#include "kernels/cpu/impl/all.h"
