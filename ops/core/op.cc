#include "ops/core/op.h"

namespace concord::ops {

// One declaration and one call an op, from the sorted list in ops/CMakeLists.txt.
#define CONCORD_OP(word) OpDef MakeOp_##word();
#include "ops/ops.inc"
#undef CONCORD_OP

const std::vector<OpDef>& AllOps() {
  static const auto* ops = new std::vector<OpDef>{
#define CONCORD_OP(word) MakeOp_##word(),
#include "ops/ops.inc"
#undef CONCORD_OP
  };
  return *ops;
}

const OpDef* FindOp(absl::string_view name) {
  for (const OpDef& op : AllOps()) {
    if (name == op.name) return &op;
  }
  return nullptr;
}

bool RefArgs::has(absl::string_view slot) const {
  for (const auto& [name, view] : views_) {
    if (slot == name) return true;
  }
  return false;
}

const TensorView& RefArgs::operator[](absl::string_view slot) const {
  static const auto* empty = new TensorView;
  for (const auto& [name, view] : views_) {
    if (slot == name) return view;
  }
  return *empty;
}

const Slot* OpDef::FindInput(absl::string_view slot) const {
  for (const Slot& s : inputs) {
    if (slot == s.name) return &s;
  }
  return nullptr;
}

const Slot* OpDef::FindOutput(absl::string_view slot) const {
  for (const Slot& s : outputs) {
    if (slot == s.name) return &s;
  }
  return nullptr;
}

absl::Status OpDef::CheckAttrs(const Attrs& attrs) const {
  for (const auto& [key, value] : attrs.values()) {
    const AttrValue* known = defaults.Find(key);
    if (known == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": no attribute '", key, "'; it has ", defaults.ToString()));
    }
    if (known->index() != value.index()) {
      return absl::InvalidArgumentError(absl::StrCat(name, ": attribute '", key, "' has the value ",
                                                     ops::ToString(value), " of another kind than its default ",
                                                     ops::ToString(*known)));
    }
  }
  return absl::OkStatus();
}

Attrs OpDef::Complete(const Attrs& attrs) const {
  Attrs complete = defaults;
  for (const auto& [key, value] : attrs.values()) complete.Set(key, value);
  return complete;
}

}  // namespace concord::ops
