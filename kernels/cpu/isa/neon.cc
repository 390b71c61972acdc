#define CONCORD_ISA_NAMESPACE neon
#define CONCORD_ISA_VALUE Isa::kNeon
#define CONCORD_ISA_NEON

#include "kernels/cpu/impl/all.h"
