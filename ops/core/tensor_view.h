#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/packing/packing.h"

namespace concord::ops {

// A tensor in host memory as references and test cases see it: rows of the last dim, read and written as float64
// whatever the packing. A view: the memory belongs to the caller. Not for hot paths.
class TensorView {
 public:
  TensorView() = default;
  TensorView(const packing::Packing* packing, std::vector<int64_t> dims, void* data);

  const packing::Packing* packing() const { return packing_; }
  const std::vector<int64_t>& dims() const { return dims_; }
  int rank() const { return static_cast<int>(dims_.size()); }
  int64_t dim(int i) const { return dims_[i < 0 ? i + rank() : i]; }  // negative: from the end
  int64_t cols() const { return dims_.empty() ? 1 : dims_.back(); }
  int64_t rows() const { return rows_; }  // the product of all dims but the last
  int64_t elems() const { return rows_ * cols(); }
  int64_t row_bytes() const { return row_bytes_; }
  void* data() const { return data_; }
  int64_t size_bytes() const { return rows_ * row_bytes_; }

  // `row` counts over all leading dims in row-major order; out and in hold cols() values.
  void ReadRow(int64_t row, double* out) const;
  void WriteRow(int64_t row, const double* in) const;  // rounds to the packing; needs one with an encoder
  std::vector<double> Row(int64_t row) const;
  std::vector<double> Elements() const;  // all of them, in row-major order

  // Element `index` in row-major order of an i32 or i64 tensor, exact.
  int64_t Int(int64_t index) const;
  void SetInt(int64_t index, int64_t value) const;

 private:
  const packing::Packing* packing_ = nullptr;
  std::vector<int64_t> dims_;
  void* data_ = nullptr;
  int64_t rows_ = 0;
  int64_t row_bytes_ = 0;
};

}  // namespace concord::ops
