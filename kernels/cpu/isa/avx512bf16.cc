#define CONCORD_ISA_NAMESPACE avx512bf16
#define CONCORD_ISA_VALUE Isa::kAvx512Bf16

#include "kernels/cpu/impl/all.h"
