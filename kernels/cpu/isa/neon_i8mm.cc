#define CONCORD_ISA_NAMESPACE neon_i8mm
#define CONCORD_ISA_VALUE Isa::kNeonI8mm
#define CONCORD_ISA_NEON

#include "kernels/cpu/impl/all.h"
