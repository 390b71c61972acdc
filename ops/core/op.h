#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "ops/core/attrs.h"
#include "ops/core/op_case.h"
#include "ops/core/signature.h"
#include "ops/core/tensor_view.h"

namespace concord::ops {

struct Slot {
  std::string name;
  bool optional = false;
  bool weight = false;   // bound once, from the model's file
  bool state = false;    // read and written in place, lives across steps
  std::string alias_of;  // outputs: the state input whose storage this is; "" = fresh
};

// The tensors of one application for the float64 reference. Optional inputs that are absent are not has().
class RefArgs {
 public:
  RefArgs(const OpDef& op, std::string arithmetic) : op_(&op), arithmetic_(std::move(arithmetic)) {}
  void Set(absl::string_view slot, TensorView view) { views_.emplace_back(std::string(slot), std::move(view)); }
  bool has(absl::string_view slot) const;
  const TensorView& operator[](absl::string_view slot) const;  // inputs and outputs alike; must be present
  const OpDef& op() const { return *op_; }
  const std::string& arithmetic() const { return arithmetic_; }

 private:
  const OpDef* op_;
  std::string arithmetic_;
  std::vector<std::pair<std::string, TensorView>> views_;
};

// What one application costs, for placement: the work, and the bytes besides those of its tensors.
struct Cost {
  double flops = 0;
  double state_bytes = 0;   // of state that is really read or written (KV of the visible tokens, not the whole pool)
  double pairs = 0;         // of a query and a key of one head that are multiplied
  double weight_share = 1;  // of the bytes of its weights, what is really read (experts that no token goes to are not)
};

// Concrete sizes for a cost: dims of slots under given symbol values, and how many keys a query sees.
struct CostArgs {
  std::function<int64_t(absl::string_view slot, int i)> dim;
  int64_t kv_len = 0;
};

// One op inside a fused op's pattern. Names are variables: those that are slots of the fused op are its inputs and
// outputs, the others exist only inside and may have no other reader.
struct FusionPart {
  std::string op;
  std::vector<std::pair<std::string, std::string>> inputs;   // slot → variable
  std::vector<std::pair<std::string, std::string>> outputs;  // slot → variable
  std::vector<std::string> attrs;                            // attributes that become the fused op's, by name
};

// Everything Concord knows of an op: one file ops/<name>.cc makes one of these.
struct OpDef {
  std::string name;
  int version = 1;  // of the meaning; grows when results for the same inputs change
  std::string doc;  // one line
  std::vector<Slot> inputs, outputs;
  Attrs defaults;
  std::vector<FusionPart> parts;  // not empty: a fused op, whose meaning is the parts in this order

  // Checks inputs and sets outputs. Pure.
  std::function<absl::Status(const Attrs&, Signature&)> infer;
  // Computes outputs in float64, rounding only where it stores. Every backend is judged against it.
  std::function<void(const Attrs&, const RefArgs&)> reference;
  // The largest |got − want| allowed, relative to max|want| of the output tensor, for a case (its sizes, its
  // arithmetic), derived from the arithmetic's epsilon and the reduction length.
  std::function<double(const OpCase&)> tolerance;
  std::function<std::vector<OpCase>()> cases;
  std::function<Cost(const Attrs&, const CostArgs&)> cost;

  const Slot* FindInput(absl::string_view slot) const;
  const Slot* FindOutput(absl::string_view slot) const;
  // Unknown keys and values of the wrong kind, by name.
  absl::Status CheckAttrs(const Attrs& attrs) const;
  // attrs with the defaults filled in.
  Attrs Complete(const Attrs& attrs) const;
};

// Builds an OpDef from functions over the typed attributes A.
template <typename A>
class OpBuilder {
 public:
  OpBuilder(const char* name, int version, const char* doc) {
    def_.name = name;
    def_.version = version;
    def_.doc = doc;
    def_.defaults = Attrs::Of(A{});
    def_.tolerance = [](const OpCase&) { return 1e-6; };
    def_.cases = [] { return std::vector<OpCase>(); };
    def_.cost = [](const Attrs&, const CostArgs&) { return ops::Cost{}; };
  }
  OpBuilder& Input(const char* name) { return In({.name = name}); }
  OpBuilder& OptionalInput(const char* name) { return In({.name = name, .optional = true}); }
  OpBuilder& Weight(const char* name) { return In({.name = name, .weight = true}); }
  OpBuilder& OptionalWeight(const char* name) { return In({.name = name, .optional = true, .weight = true}); }
  OpBuilder& State(const char* name) { return In({.name = name, .state = true}); }
  OpBuilder& Output(const char* name) { return Out({.name = name}); }
  OpBuilder& StateOutput(const char* name, const char* of) {
    return Out({.name = name, .state = true, .alias_of = of});
  }
  OpBuilder& Infer(absl::Status (*fn)(const A&, Signature&)) {
    def_.infer = [fn](const Attrs& attrs, Signature& s) { return fn(attrs.As<A>(), s); };
    return *this;
  }
  OpBuilder& Reference(void (*fn)(const A&, const RefArgs&)) {
    def_.reference = [fn](const Attrs& attrs, const RefArgs& args) { fn(attrs.As<A>(), args); };
    return *this;
  }
  OpBuilder& Tolerance(double (*fn)(const OpCase&)) { return def_.tolerance = fn, *this; }
  OpBuilder& Cases(std::vector<OpCase> (*fn)()) { return def_.cases = fn, *this; }
  OpBuilder& Cost(ops::Cost (*fn)(const A&, const CostArgs&)) {
    def_.cost = [fn](const Attrs& attrs, const CostArgs& args) { return fn(attrs.As<A>(), args); };
    return *this;
  }
  // Makes this a fused op; shape rule, reference and cost then follow from the parts (ops/core/fusion.h).
  OpBuilder& Fuses(std::vector<FusionPart> parts);
  OpDef Build() { return std::move(def_); }

 private:
  OpBuilder& In(Slot slot) { return def_.inputs.push_back(std::move(slot)), *this; }
  OpBuilder& Out(Slot slot) { return def_.outputs.push_back(std::move(slot)), *this; }
  OpDef def_;
};

// Shape rule, reference and cost of a fused op: its parts one after the other.
void ComposeFromParts(OpDef* def);

template <typename A>
OpBuilder<A>& OpBuilder<A>::Fuses(std::vector<FusionPart> parts) {
  def_.parts = std::move(parts);
  ComposeFromParts(&def_);
  return *this;
}

struct NoAttrs {
  template <typename V>
  void Visit(V&) {}
};

// Begins the definition of op `word` in ops/<word>.cc; the body returns an OpDef.
#define CONCORD_DEFINE_OP(word) OpDef MakeOp_##word()

// Every op, in the order of the sorted list in ops/CMakeLists.txt; lives for ever.
const std::vector<OpDef>& AllOps();
const OpDef* FindOp(absl::string_view name);  // null when unknown

}  // namespace concord::ops
