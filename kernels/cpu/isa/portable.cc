#define CONCORD_ISA_NAMESPACE portable
#define CONCORD_ISA_VALUE Isa::kPortable

#include "kernels/cpu/impl/all.h"
