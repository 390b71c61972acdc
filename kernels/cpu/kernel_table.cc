#include "kernels/cpu/kernel_table.h"

#include <cstring>

#include "kernels/cpu/isa/variants.h"
#include "kernels/cpu/linear.h"

namespace concord::kernels {

const KernelTable& Kernels(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx2) return avx2::kTable;
  if (isa == Isa::kAvx512) return avx512::kTable;
  if (isa == Isa::kAvx512Vnni) return avx512vnni::kTable;
  if (isa == Isa::kAvx512Bf16) return avx512bf16::kTable;
  if (isa == Isa::kAvx512Amx) return avx512amx::kTable;
#elif defined(__aarch64__)
  if (isa == Isa::kNeon) return neon::kTable;
  if (isa == Isa::kNeonDotprod) return neon_dotprod::kTable;
  if (isa == Isa::kNeonI8mm) return neon_i8mm::kTable;
#endif
  static_cast<void>(isa);
  return portable::kTable;
}

const LinearKernel* LinearKernels(Isa isa, int32_t* count) {
#if defined(__x86_64__)
  if (isa == Isa::kAvx2) return avx2::LinearList(count);
  if (isa == Isa::kAvx512) return avx512::LinearList(count);
  if (isa == Isa::kAvx512Vnni) return avx512vnni::LinearList(count);
  if (isa == Isa::kAvx512Bf16) return avx512bf16::LinearList(count);
  if (isa == Isa::kAvx512Amx) return avx512amx::LinearList(count);
#elif defined(__aarch64__)
  if (isa == Isa::kNeon) return neon::LinearList(count);
  if (isa == Isa::kNeonDotprod) return neon_dotprod::LinearList(count);
  if (isa == Isa::kNeonI8mm) return neon_i8mm::LinearList(count);
#endif
  if (isa == Isa::kPortable) return portable::LinearList(count);
  *count = 0;
  return nullptr;
}

const LinearKernel* FindLinear(const char* packing, const char* arithmetic, Isa isa) {
  int32_t count = 0;
  const LinearKernel* kernels = LinearKernels(isa, &count);
  const LinearKernel* any = nullptr;
  for (int32_t i = 0; i < count; ++i) {
    if (std::strcmp(kernels[i].arithmetic, arithmetic) != 0) continue;
    if (std::strcmp(kernels[i].packing, packing) == 0) return &kernels[i];
    if (std::strcmp(kernels[i].packing, "*") == 0) any = &kernels[i];
  }
  return any;
}

}  // namespace concord::kernels
