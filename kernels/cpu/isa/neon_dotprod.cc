#define CONCORD_ISA_NAMESPACE neon_dotprod
#define CONCORD_ISA_VALUE Isa::kNeonDotprod
#define CONCORD_ISA_NEON

#include "kernels/cpu/impl/all.h"
