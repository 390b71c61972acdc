#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "backends/sdk/graph.h"
#include "backends/sdk/objects.h"
#include "backends/sdk/status.h"

namespace concord::sdk {
inline namespace v0 {

// What a device takes, whatever the op.
struct CheckRules {
  std::string_view where;  // "on the CPU", for the reason
  std::initializer_list<std::string_view> arithmetics;
  bool (*decodes)(std::string_view packing);  // of vectors that are constants
  bool matrices_are_arrays;                   // constants of rank 2 can stand where activations do
};

// What the rows of an op table ask of an op before they say yes; collects the first reason against it. The host has
// checked shapes against ops/ already; here stands what kernels need, and what keeps them inside their memory.
class Checks {
 public:
  Checks(const Op& op, const CheckRules& rules) : op_(op), rules_(rules) {
    for (const std::string_view arithmetic : rules.arithmetics) {
      if (op.arithmetic() == arithmetic) return;
    }
    Fail("arithmetic ", op.arithmetic());
  }

  // f32 activations: only the first dim may be a symbol.
  Checks& Inputs(std::initializer_list<uint32_t> slots) {
    for (uint32_t slot : slots) Activation(op_.input(slot), "input", slot);
    return *this;
  }
  Checks& Outputs(std::initializer_list<uint32_t> slots) {
    for (uint32_t slot : slots) Activation(op_.output(slot), "output", slot);
    return *this;
  }
  // Step metadata.
  Checks& Int32(std::initializer_list<uint32_t> slots) {
    for (uint32_t slot : slots) {
      const Value v = op_.input(slot);
      if (v.packing() != "i32") Fail("input ", slot, " of type ", v.packing(), ", want i32");
      if (NoArray(v)) Fail("a constant as input ", slot);
    }
    return *this;
  }
  // A vector of `elems`: any packing that the device decodes when it is constant, else f32. May be absent.
  Checks& Vector(uint32_t slot, int64_t elems) {
    if (!op_.has_input(slot)) return *this;
    const Value v = op_.input(slot);
    if (v.rank() != 1 || v.fixed(0) != elems) Fail("input ", slot, " of another length than ", elems);
    const bool decoded = v.desc.role == CONCORD_ROLE_CONSTANT && rules_.decodes(v.packing());
    return Need(decoded || v.packing() == "f32", Cat("input ", slot, " of type ", v.packing()));
  }
  // State of layout kv.paged/1: [n_blocks, n_kv_heads, block_tokens, d].
  Checks& PagedState(const Value& v) {
    const std::string_view layout = FromC(v.desc.layout);
    return Need(v.rank() == 4 && v.fixed(1) > 0 && v.fixed(2) > 0 && v.fixed(3) > 0,
                "state without fixed heads, block or width")
        .Need(layout.empty() || layout == "kv.paged/1", Cat("state of layout ", layout));
  }
  Checks& Attributes(std::initializer_list<std::string_view> known) {
    const std::string_view unknown = op_.attrs().Unknown(known);
    if (!unknown.empty()) Fail("attribute ", unknown);
    return *this;
  }
  // The same dims in the same order.
  Checks& Same(const Value& a, const Value& b) {
    bool same = a.rank() == b.rank();
    for (uint32_t d = 0; same && d < a.rank(); ++d) same = SameDim(a.desc.dims[d], b.desc.dims[d]);
    return Need(same, "operands of different shapes");
  }
  Checks& Need(bool condition, std::string_view otherwise) {
    if (!condition) Fail(otherwise);
    return *this;
  }
  bool ok() const { return reason_.empty(); }
  Support Answer() const { return reason_.empty() ? Supported() : No(reason_); }

  static bool SameDim(const concord_dim& a, const concord_dim& b) { return a.value == b.value && a.symbol == b.symbol; }
  // Elements of one step of the first dim.
  static int64_t Width(const Value& v) {
    int64_t width = 1;
    for (uint32_t d = 1; d < v.rank(); ++d) width *= v.desc.dims[d].value;
    return width;
  }

 protected:
  static bool Matrix(const Value& v) { return v.desc.role == CONCORD_ROLE_CONSTANT && v.rank() == 2; }
  const Op& op() const { return op_; }
  template <typename... Parts>
  Checks& Fail(const Parts&... parts) {
    if (reason_.empty()) reason_ = Cat(op_.name(), " ", rules_.where, " does not take ", parts...);
    return *this;
  }

 private:
  bool NoArray(const Value& v) const { return !rules_.matrices_are_arrays && Matrix(v); }
  void Activation(const Value& v, std::string_view side, uint32_t slot) {
    if (v.index == CONCORD_NONE) {
      Fail("a missing ", side, " ", slot);
      return;
    }
    if (v.packing() != "f32") Fail(side, " ", slot, " of type ", v.packing(), ", want f32");
    if (v.rank() == 0) Fail(side, " ", slot, " of rank 0");
    if (NoArray(v)) Fail("a constant as ", side, " ", slot);
    for (uint32_t d = v.rank() == 1 ? 0 : 1; d < v.rank(); ++d) {
      if (v.desc.dims[d].symbol != CONCORD_NONE) Fail(side, " ", slot, " with a varying dim ", d);
    }
  }

  const Op& op_;
  CheckRules rules_;
  std::string reason_;
};

}  // namespace v0
}  // namespace concord::sdk
