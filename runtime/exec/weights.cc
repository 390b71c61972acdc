#include "runtime/exec/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <mutex>

#include "runtime/base/border_type.h"
#include "runtime/base/checked.h"
#include "runtime/base/intern.h"
#include "runtime/exec/from_device.h"
#include "runtime/loader/parallel.h"

namespace concord::exec {
namespace {

using graph::WeightSource;

// Rows of a file tensor that a weight uses, one after the other.
struct Slice {
  const loader::Tensor* tensor;
  int64_t rows, cols, row_bytes;
  const std::byte* data;
};

absl::StatusOr<Slice> WholeOf(const loader::ModelSource& source, const std::string& name) {
  CONCORD_ASSIGN_OR_RETURN(const loader::Tensor* tensor, source.Require(name));
  Slice slice{tensor, 1, tensor->dims.empty() ? 1 : tensor->dims.back(), 0, tensor->data};
  for (size_t i = 0; i + 1 < tensor->dims.size(); ++i) slice.rows *= tensor->dims[i];
  slice.row_bytes = tensor->type->Bytes(slice.cols);
  return slice;
}

// Appends what `from` takes of one tensor.
void AppendSlices(const Slice& whole, const WeightSource& from, std::vector<Slice>* slices) {
  const loader::Tensor& tensor = *whole.tensor;
  Slice slice = whole;
  if (from.row_count < 0 || tensor.dims.empty() || (from.transpose && tensor.dims.size() > 1)) {
    slices->push_back(slice);
  } else if (tensor.dims.size() == 1) {  // a slice of a vector (biases of fused projections)
    slice.cols = from.row_count;
    slice.data += tensor.type->Bytes(from.row_begin);
    slice.row_bytes = tensor.type->Bytes(slice.cols);
    slices->push_back(slice);
  } else {
    const int64_t matrices = tensor.dims.size() == 3 ? tensor.dims[0] : 1;
    slice.rows = from.row_count;
    for (int64_t i = 0; i < matrices; ++i) {
      slice.data = whole.data + (i * (whole.rows / matrices) + from.row_begin) * whole.row_bytes;
      slices->push_back(slice);
    }
  }
}

absl::StatusOr<std::vector<Slice>> SlicesOf(const loader::ModelSource& source, const WeightSource& from) {
  std::vector<Slice> slices;
  CONCORD_ASSIGN_OR_RETURN(const Slice first, WholeOf(source, from.tensor));
  AppendSlices(first, from, &slices);
  for (const std::string& name : from.stack) {
    CONCORD_ASSIGN_OR_RETURN(const Slice next, WholeOf(source, name));
    if (next.tensor->dims != first.tensor->dims || next.tensor->type != first.tensor->type) {
      return absl::InvalidArgumentError(absl::StrCat("tensor '", name, "' is of another shape or type than '",
                                                     from.tensor, "', with which it stacks"));
    }
    AppendSlices(next, from, &slices);
  }
  return slices;
}

// Adds and encodes. Too large for `to` is an error too: a weight beyond the 65,504 of f16 is damage rather than
// training, and to clamp it would hide that.
absl::Status EncodeRow(const Slice& slice, int64_t row, double add, absl::Span<float> values,
                       const packing::Packing& to, std::byte* out) {
  if (add != 0) {
    for (float& v : values) v += static_cast<float>(add);
  }
  if (to.encode(values.data(), static_cast<int64_t>(values.size()) / to.block_elems, out)) return absl::OkStatus();
  const bool finite = std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
  return absl::InvalidArgumentError(absl::StrCat(
      slice.tensor->name, ": row ", row, " holds a value that ",
      finite ? absl::StrCat("is too large for ", to.name) : std::string("is not finite"), "; the file is damaged"));
}

// Fills the `rows` rows of `out` with what read(row, values) gives, on all cores.
using ReadRow = std::function<void(int64_t row, float* values)>;
absl::Status EncodeRows(const Slice& slice, int64_t rows, int64_t cols, double add, const packing::Packing& to,
                        const ReadRow& read, std::vector<std::byte>* out) {
  constexpr int64_t kRowsAtOnce = 64;  // of scratch there is one row a thread
  const int64_t row_bytes = to.Bytes(cols);
  if (row_bytes < 0 || to.encode == nullptr) {
    return absl::UnimplementedError(absl::StrCat(slice.tensor->name, ": cannot be written as ", to.name));
  }
  CONCORD_RETURN_IF_ERROR(ResizeChecked(out, rows * row_bytes, slice.tensor->name));
  std::mutex mutex;
  absl::Status status;
  loader::ParallelFor((rows + kRowsAtOnce - 1) / kRowsAtOnce, [&](int64_t part) {
    std::vector<float> values;
    absl::Status mine = ResizeChecked(&values, cols, slice.tensor->name);
    for (int64_t r = part * kRowsAtOnce; r < std::min(rows, (part + 1) * kRowsAtOnce) && mine.ok(); ++r) {
      read(r, values.data());
      mine = EncodeRow(slice, r, add, absl::MakeSpan(values), to, out->data() + r * row_bytes);
    }
    if (mine.ok()) return;
    const std::lock_guard<std::mutex> lock(mutex);
    status.Update(mine);
  });
  return status;
}

// Decodes, transposes, adds and encodes to `to`. Beside the result there is a row a thread; for a transposed matrix
// (those of Conv1D, small beside the model) the whole in f32.
absl::StatusOr<std::vector<std::byte>> Convert(const Slice& slice, const WeightSource& from,
                                               const packing::Packing& to) {
  const packing::Packing& type = *slice.tensor->type;
  const ReadRow decode = [&](int64_t r, float* out) {
    type.decode(slice.data + r * slice.row_bytes, slice.cols / type.block_elems, out);
  };
  std::vector<std::byte> bytes;
  if (!from.transpose || slice.tensor->dims.size() != 2) {
    CONCORD_RETURN_IF_ERROR(EncodeRows(slice, slice.rows, slice.cols, from.add, to, decode, &bytes));
    return bytes;
  }
  // [in, out] → rows [row_begin, + row_count) of [out, in]
  std::vector<float> values;
  CONCORD_RETURN_IF_ERROR(ResizeChecked(&values, slice.rows * slice.cols, slice.tensor->name));
  for (int64_t r = 0; r < slice.rows; ++r) decode(r, values.data() + r * slice.cols);
  const int64_t begin = from.row_count >= 0 ? from.row_begin : 0;
  const int64_t out_rows = from.row_count >= 0 ? from.row_count : slice.cols;
  const ReadRow turned = [&](int64_t o, float* out) {
    for (int64_t i = 0; i < slice.rows; ++i) out[i] = values[i * slice.cols + begin + o];
  };
  CONCORD_RETURN_IF_ERROR(EncodeRows(slice, out_rows, slice.rows, from.add, to, turned, &bytes));
  return bytes;
}

// What several slices make, one behind the other. Beside the result there is one slice at a time.
absl::StatusOr<std::vector<std::byte>> Stack(const std::vector<Slice>& slices, const WeightSource& from,
                                             const packing::Packing& to) {
  std::vector<std::byte> bytes;
  int64_t total = 0;
  for (const Slice& slice : slices) total += slice.rows * to.Bytes(slice.cols);
  CONCORD_RETURN_IF_ERROR(ResizeChecked(&bytes, total, slices[0].tensor->name));
  std::byte* out = bytes.data();
  for (const Slice& slice : slices) {
    const int64_t size = slice.rows * to.Bytes(slice.cols);
    if (slice.tensor->type == &to && from.add == 0) {
      std::memcpy(out, slice.data, static_cast<size_t>(size));
    } else {
      CONCORD_ASSIGN_OR_RETURN(const std::vector<std::byte> one, Convert(slice, from, to));
      std::memcpy(out, one.data(), one.size());
    }
    out += size;
  }
  return bytes;
}

// The bytes of a weight as its type wants them: in the file, or made.
struct Piece {
  const std::byte* data = nullptr;
  int64_t size_bytes = 0;
  std::vector<std::byte> made;  // where `data` is, unless it is in the file
  int64_t file_bytes = 0;       // of the tensor that was read
};

absl::StatusOr<Piece> PieceOf(const loader::ModelSource& source, const WeightSource& from,
                              const ops::TensorType& type) {
  Piece piece;
  if (from.tensor.empty()) {
    piece.made.resize(from.values.size() * sizeof(float));
    std::memcpy(piece.made.data(), from.values.data(), piece.made.size());
  } else {
    CONCORD_ASSIGN_OR_RETURN(const std::vector<Slice> slices, SlicesOf(source, from));
    const Slice& slice = slices[0];
    piece.file_bytes = slice.tensor->size_bytes * static_cast<int64_t>(from.stack.size() + 1);
    if (UsedInPlace(from, *slice.tensor, type)) {
      piece.data = slice.data, piece.size_bytes = slice.rows * slice.row_bytes;
      // Norms and biases: reading them costs nothing and a damaged file shows here rather than as gibberish.
      if (type.rank() == 1)
        CONCORD_RETURN_IF_ERROR(CheckFinite(slice.tensor->name, *slice.tensor->type, slice.data, slice.cols));
      return piece;
    }
    if (slices.size() == 1) {
      CONCORD_ASSIGN_OR_RETURN(piece.made, Convert(slice, from, *type.packing));
    } else {
      CONCORD_ASSIGN_OR_RETURN(piece.made, Stack(slices, from, *type.packing));
    }
  }
  piece.data = piece.made.data(), piece.size_bytes = static_cast<int64_t>(piece.made.size());
  return piece;
}

}  // namespace

bool UsedInPlace(const WeightSource& from, const loader::Tensor& tensor, const ops::TensorType& want) {
  const bool one_run = from.stack.empty() && (from.row_count < 0 || tensor.dims.size() < 3);
  return one_run && !from.transpose && from.add == 0 && tensor.type == want.packing;
}

absl::StatusOr<std::vector<std::byte>> ReadRows(const loader::ModelSource& source, const WeightSource& from,
                                                const ops::TensorType& type, int64_t begin, int64_t count) {
  WeightSource rows = from;
  if (count < type.dims[0].value) {
    if (from.tensor.empty()) {
      rows.values.assign(from.values.begin() + begin, from.values.begin() + begin + count);
    } else {
      rows.row_begin = (from.row_count < 0 ? 0 : from.row_begin) + begin;
      rows.row_count = count;
    }
  }
  CONCORD_ASSIGN_OR_RETURN(Piece piece, PieceOf(source, rows, type));
  if (piece.made.empty()) piece.made.assign(piece.data, piece.data + piece.size_bytes);
  return std::move(piece.made);
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

absl::Status Weights::Load(const loader::ModelSource& source, const graph::Module& module, Progress* done,
                           const ProgressFn& progress) {
  const bool host_memory = device_->info().has(CONCORD_DEVICE_HOST_MEMORY);
  for (const graph::Weight& weight : module.weights) {
    const graph::Value& value = module.main.value(weight.value);
    if (weights_.count(Key(value)) > 0) continue;
    TraceScope scope(device_->tracer(), "weight");
    if (device_->tracer() != nullptr) scope.slice.scope = Intern(value.name);
    CONCORD_ASSIGN_OR_RETURN(Piece piece, PieceOf(source, weight.source, value.type));
    const bool made = !piece.made.empty();
    concord_constant_desc desc = DescribeConstant(value.type, value.name, piece.data, piece.size_bytes);
    if (made && !host_memory) desc.flags &= ~static_cast<uint32_t>(CONCORD_CONSTANT_STABLE);
    Stored stored;
    CONCORD_ASSIGN_OR_RETURN(stored.constant, FromDevice(device_->CreateConstant(desc)));
    (made || !host_memory ? made_bytes_ : mapped_bytes_) += piece.size_bytes;
    if (made && host_memory) stored.made = std::move(piece.made);  // what `data` points to stays
    weights_.emplace(Key(value), std::move(stored));
    scope.slice.bytes = piece.size_bytes;
    done->done_bytes += piece.file_bytes;
    if (progress) progress(*done);
  }
  return absl::OkStatus();
}

}  // namespace concord::exec
