#include "ops/core/tensor_view.h"

#include <cstring>

namespace concord::ops {

TensorView::TensorView(const packing::Packing* packing, std::vector<int64_t> dims, void* data)
    : packing_(packing), dims_(std::move(dims)), data_(data), rows_(1) {
  for (int i = 0; i + 1 < rank(); ++i) rows_ *= dims_[i];
  row_bytes_ = packing_->Bytes(cols());
}

void TensorView::ReadRow(int64_t row, double* out) const {
  const auto* bytes = static_cast<const std::byte*>(data_) + row * row_bytes_;
  if (packing_->block_elems == 1 && packing_->block_bytes == 4 && std::strcmp(packing_->name, "f32") == 0) {
    float value;  // the common case without a detour
    for (int64_t i = 0; i < cols(); ++i) {
      std::memcpy(&value, bytes + 4 * i, 4);
      out[i] = value;
    }
    return;
  }
  std::vector<float> values(cols());
  packing_->decode(bytes, cols() / packing_->block_elems, values.data());
  for (int64_t i = 0; i < cols(); ++i) out[i] = values[i];
}

void TensorView::WriteRow(int64_t row, const double* in) const {
  std::vector<float> values(in, in + cols());
  packing_->encode(values.data(), cols() / packing_->block_elems, static_cast<std::byte*>(data_) + row * row_bytes_);
}

std::vector<double> TensorView::Row(int64_t row) const {
  std::vector<double> values(cols());
  ReadRow(row, values.data());
  return values;
}

std::vector<double> TensorView::Elements() const {
  std::vector<double> values(elems());
  for (int64_t row = 0; row < rows_; ++row) ReadRow(row, values.data() + row * cols());
  return values;
}

int64_t TensorView::Int(int64_t index) const {
  const auto* bytes = static_cast<const std::byte*>(data_);
  if (packing_->block_bytes == 8) {
    int64_t value;
    std::memcpy(&value, bytes + 8 * index, 8);
    return value;
  }
  int32_t value;
  std::memcpy(&value, bytes + 4 * index, 4);
  return value;
}

void TensorView::SetInt(int64_t index, int64_t value) const {
  auto* bytes = static_cast<std::byte*>(data_);
  if (packing_->block_bytes == 8) {
    std::memcpy(bytes + 8 * index, &value, 8);
    return;
  }
  const auto narrow = static_cast<int32_t>(value);
  std::memcpy(bytes + 4 * index, &narrow, 4);
}

}  // namespace concord::ops
