#define CONCORD_ISA_NAMESPACE avx512vnni
#define CONCORD_ISA_VALUE Isa::kAvx512Vnni

#include "kernels/cpu/impl/all.h"
