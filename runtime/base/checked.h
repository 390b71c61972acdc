#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <vector>

#include "runtime/base/status.h"

// Arithmetic and allocation for numbers that come from files, users or plugins.
namespace concord {

// a·b and a+b for non-negative sizes; false when the result does not fit (then *out is unspecified).
inline bool CheckedMul(int64_t a, int64_t b, int64_t* out) { return !__builtin_mul_overflow(a, b, out); }
inline bool CheckedAdd(int64_t a, int64_t b, int64_t* out) { return !__builtin_add_overflow(a, b, out); }

// The product of `dims`, or an error when a dim is negative or the product leaves int64.
inline absl::StatusOr<int64_t> CheckedProduct(const std::vector<int64_t>& dims) {
  int64_t product = 1;
  for (int64_t dim : dims) {
    if (dim < 0 || !CheckedMul(product, dim, &product)) {
      return absl::InvalidArgumentError("the product of the dimensions is negative or leaves 64 bits");
    }
  }
  return product;
}

// Resizes `v`, turning exhaustion into a status that says how much was wanted for `what`.
template <typename T>
absl::Status ResizeChecked(std::vector<T>* v, size_t count, absl::string_view what) {
  if (count > std::numeric_limits<size_t>::max() / 2 / sizeof(T)) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot allocate ", count, " elements for ", what));
  }
  try {
    v->resize(count);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat("cannot allocate ", count * sizeof(T), " bytes for ", what));
  }
  return absl::OkStatus();
}

}  // namespace concord
