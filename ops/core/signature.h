#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "ops/core/attrs.h"
#include "ops/core/tensor_type.h"
#include "runtime/base/status.h"

namespace concord::ops {

struct OpDef;

// One application of an op as types alone: what shape rules read and fill, and what a device is asked about.
class Signature {
 public:
  explicit Signature(const OpDef& op);

  const OpDef& op() const { return *op_; }

  void SetIn(absl::string_view slot, TensorType type);
  void SetOut(absl::string_view slot, TensorType type);

  bool Has(absl::string_view slot) const;              // an input slot that is bound
  const TensorType& In(absl::string_view slot) const;  // an empty type where absent
  const TensorType& Out(absl::string_view slot) const;
  Dim dim(absl::string_view slot, int i) const;  // of an input; negative from the end; 0 where out of rank
  const std::vector<std::optional<TensorType>>& inputs() const { return inputs_; }
  const std::vector<std::optional<TensorType>>& outputs() const { return outputs_; }

  // Checks for shape rules; the messages name op, slot, got and wanted.
  absl::Status ExpectRank(absl::string_view slot, int rank) const;
  absl::Status ExpectDims(absl::string_view slot, const std::vector<Dim>& want) const;
  absl::Status ExpectPacking(absl::string_view slot, std::initializer_list<const char*> want) const;

 private:
  const OpDef* op_;
  std::vector<std::optional<TensorType>> inputs_, outputs_;
};

}  // namespace concord::ops
