#pragma once

#include <cstdint>

namespace concord::kernels {

// A row of k activations (k a multiple of 32) in the arithmetics "bf16" and "f16" of machines with AVX512-BF16:
// bf16[k], rounded to nearest even; what is not finite stays so. Rows are RoundedRowBytes(k) apart: an odd number of
// cache lines, as those of quantized_rows.h.
constexpr int64_t RoundedRowBytes(int64_t k) { return ((2 * k + 63) / 64 | 1) * 64; }

}  // namespace concord::kernels
