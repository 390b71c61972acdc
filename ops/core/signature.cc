#include "ops/core/signature.h"

#include "absl/strings/str_join.h"
#include "ops/core/op.h"

namespace concord::ops {
namespace {

int IndexOf(const std::vector<Slot>& slots, absl::string_view name) {
  for (size_t i = 0; i < slots.size(); ++i) {
    if (name == slots[i].name) return static_cast<int>(i);
  }
  return -1;
}

const TensorType& Get(const std::vector<std::optional<TensorType>>& types, int index) {
  static const auto* empty = new TensorType;
  return index >= 0 && types[index].has_value() ? *types[index] : *empty;
}

}  // namespace

Signature::Signature(const OpDef& op) : op_(&op), inputs_(op.inputs.size()), outputs_(op.outputs.size()) {}

void Signature::SetIn(absl::string_view slot, TensorType type) {
  const int i = IndexOf(op_->inputs, slot);
  if (i >= 0) inputs_[i] = std::move(type);
}

void Signature::SetOut(absl::string_view slot, TensorType type) {
  const int i = IndexOf(op_->outputs, slot);
  if (i >= 0) outputs_[i] = std::move(type);
}

bool Signature::Has(absl::string_view slot) const {
  const int i = IndexOf(op_->inputs, slot);
  return i >= 0 && inputs_[i].has_value();
}

const TensorType& Signature::In(absl::string_view slot) const { return Get(inputs_, IndexOf(op_->inputs, slot)); }
const TensorType& Signature::Out(absl::string_view slot) const { return Get(outputs_, IndexOf(op_->outputs, slot)); }

Dim Signature::dim(absl::string_view slot, int i) const {
  const TensorType& type = In(slot);
  const int at = i < 0 ? i + type.rank() : i;
  return at >= 0 && at < type.rank() ? type.dims[at] : Dim(0);
}

absl::Status Signature::ExpectRank(absl::string_view slot, int rank) const {
  const TensorType& type = In(slot);
  if (type.rank() == rank) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(op_->name, ": ", slot, " is ", type.ToString(), ", want ", rank, " dims"));
}

absl::Status Signature::ExpectDims(absl::string_view slot, const std::vector<Dim>& want) const {
  const TensorType& type = In(slot);
  if (type.dims == want) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(op_->name, ": ", slot, " is ", type.ToString(), ", want dims ", ToString(want)));
}

absl::Status Signature::ExpectPacking(absl::string_view slot, std::initializer_list<const char*> want) const {
  const TensorType& type = In(slot);
  for (const char* name : want) {
    if (type.packing != nullptr && absl::string_view(type.packing->name) == name) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(op_->name, ": ", slot, " is ", type.ToString(), ", want type ", absl::StrJoin(want, " or ")));
}

}  // namespace concord::ops
