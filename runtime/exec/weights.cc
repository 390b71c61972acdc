#include "runtime/exec/weights.h"

#include <cmath>
#include <cstring>

#include "runtime/base/border_type.h"
#include "runtime/base/checked.h"
#include "runtime/exec/from_device.h"

namespace concord::exec {
namespace {

using graph::WeightSource;

// The rows of a file tensor that a weight uses.
struct Slice {
  const loader::Tensor* tensor;
  int64_t rows, cols, row_bytes;
  const std::byte* data;
};

absl::StatusOr<Slice> SliceOf(const loader::ModelSource& source, const WeightSource& from) {
  CONCORD_ASSIGN_OR_RETURN(const loader::Tensor* tensor, source.Require(from.tensor));
  Slice slice{tensor, 1, tensor->dims.empty() ? 1 : tensor->dims.back(), 0, tensor->data};
  for (size_t i = 0; i + 1 < tensor->dims.size(); ++i) slice.rows *= tensor->dims[i];
  if (tensor->dims.size() == 1 && from.row_count >= 0) {  // a slice of a vector (biases of fused projections)
    slice.cols = from.row_count;
    slice.data += tensor->type->Bytes(from.row_begin);
  }
  slice.row_bytes = tensor->type->Bytes(slice.cols);
  if (tensor->dims.size() > 1 && from.row_count >= 0 && !from.transpose) {
    slice.rows = from.row_count;
    slice.data += from.row_begin * slice.row_bytes;
  }
  return slice;
}

// Decodes, transposes, adds and encodes to `to`: vectors and the matrices of Conv1D, small beside the model.
absl::StatusOr<std::vector<std::byte>> Convert(const Slice& slice, const WeightSource& from,
                                               const packing::Packing& to) {
  const packing::Packing& type = *slice.tensor->type;
  std::vector<float> values;
  CONCORD_RETURN_IF_ERROR(ResizeChecked(&values, slice.rows * slice.cols, slice.tensor->name));
  for (int64_t r = 0; r < slice.rows; ++r) {
    type.decode(slice.data + r * slice.row_bytes, slice.cols / type.block_elems, values.data() + r * slice.cols);
  }
  int64_t out_rows = slice.rows, out_cols = slice.cols;
  if (from.transpose && slice.tensor->dims.size() == 2) {  // [in, out] → rows [row_begin, + row_count) of [out, in]
    const int64_t begin = from.row_count >= 0 ? from.row_begin : 0;
    out_rows = from.row_count >= 0 ? from.row_count : slice.cols;
    out_cols = slice.rows;
    std::vector<float> turned;
    CONCORD_RETURN_IF_ERROR(ResizeChecked(&turned, out_rows * out_cols, slice.tensor->name));
    for (int64_t i = 0; i < slice.rows; ++i) {
      for (int64_t o = 0; o < out_rows; ++o) turned[o * out_cols + i] = values[i * slice.cols + begin + o];
    }
    values = std::move(turned);
  }
  if (from.add != 0) {
    for (float& v : values) v += static_cast<float>(from.add);
  }
  std::vector<std::byte> bytes;
  const int64_t row_bytes = to.Bytes(out_cols);
  if (row_bytes < 0 || to.encode == nullptr) {
    return absl::UnimplementedError(absl::StrCat(slice.tensor->name, ": cannot be written as ", to.name));
  }
  CONCORD_RETURN_IF_ERROR(ResizeChecked(&bytes, out_rows * row_bytes, slice.tensor->name));
  for (int64_t r = 0; r < out_rows; ++r) {
    if (!to.encode(values.data() + r * out_cols, out_cols / to.block_elems, bytes.data() + r * row_bytes)) {
      return absl::InvalidArgumentError(
          absl::StrCat(slice.tensor->name, ": row ", r, " holds a value that is not finite; the file is damaged"));
    }
  }
  return bytes;
}

}  // namespace

bool UsedInPlace(const WeightSource& from, const loader::Tensor& tensor, const ops::TensorType& want) {
  return !from.transpose && from.add == 0 && tensor.type == want.packing;
}

concord_constant_desc DescribeConstant(const ops::TensorType& type, const std::string& name, const void* data,
                                       int64_t bytes) {
  concord_constant_desc desc{};
  desc.flags = CONCORD_CONSTANT_STABLE;
  desc.type = BorderType(*type.packing);
  desc.name = {name.data(), name.size()};
  desc.rank = static_cast<uint32_t>(type.rank());
  for (int i = 0; i < type.rank(); ++i) desc.dims[i] = type.dims[i].value;
  desc.row_stride_bytes = static_cast<uint64_t>(type.packing->Bytes(type.dims.back().value));
  desc.host_data = data;
  desc.host_size_bytes = static_cast<uint64_t>(bytes);
  return desc;
}

absl::Status CheckFinite(const std::string& name, const packing::Packing& packing, const std::byte* data,
                         int64_t elems) {
  std::vector<float> values(packing.block_elems);
  for (int64_t b = 0; b < elems / packing.block_elems; ++b) {
    packing.decode(data + b * packing.block_bytes, 1, values.data());
    for (float v : values) {
      if (!std::isfinite(v)) {
        return absl::InvalidArgumentError(
            absl::StrCat("tensor '", name, "' holds a value that is not finite in block ", b, "; the file is damaged"));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Weights> Weights::Load(const loader::ModelSource& source, const graph::Module& module,
                                      const hal::Device& device, const ProgressFn& progress) {
  Weights weights;
  weights.constants_.resize(module.main.values.size());
  weights.made_.reserve(module.weights.size());  // constants point into its elements
  Progress state{"reading weights", 0, source.total_bytes()};
  for (const graph::Weight& weight : module.weights) {
    const graph::Value& value = module.main.value(weight.value);
    const std::byte* data = nullptr;
    int64_t bytes = 0;
    if (weight.source.tensor.empty()) {
      std::vector<std::byte>& made = weights.made_.emplace_back(weight.source.values.size() * sizeof(float));
      std::memcpy(made.data(), weight.source.values.data(), made.size());
      data = made.data(), bytes = static_cast<int64_t>(made.size());
    } else {
      CONCORD_ASSIGN_OR_RETURN(const Slice slice, SliceOf(source, weight.source));
      if (UsedInPlace(weight.source, *slice.tensor, value.type)) {
        data = slice.data, bytes = slice.rows * slice.row_bytes;
        weights.mapped_bytes_ += bytes;
        // Norms and biases: reading them costs nothing and a damaged file shows here rather than as gibberish.
        if (value.type.rank() == 1)
          CONCORD_RETURN_IF_ERROR(CheckFinite(slice.tensor->name, *slice.tensor->type, data, slice.cols));
      } else {
        CONCORD_ASSIGN_OR_RETURN(std::vector<std::byte> made, Convert(slice, weight.source, *value.type.packing));
        weights.made_.push_back(std::move(made));
        data = weights.made_.back().data(), bytes = static_cast<int64_t>(weights.made_.back().size());
      }
      state.done_bytes += slice.tensor->size_bytes;
    }
    if (!weights.made_.empty() && data == weights.made_.back().data()) weights.made_bytes_ += bytes;
    CONCORD_ASSIGN_OR_RETURN(weights.constants_[weight.value],
                             FromDevice(device.CreateConstant(DescribeConstant(value.type, value.name, data, bytes))));
    if (progress) progress(state);
  }
  return weights;
}

}  // namespace concord::exec
