#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "backends/gpu/weights.h"
#include "backends/sdk/sdk.h"
#include "runtime/base/packing/packing.h"

// What the rows of the op table ask of an op before they say yes. The host has checked shapes against ops/ already;
// here stands what the kernels need, and what keeps them inside their memory.
namespace concord::gpu {

// Collects the first reason against an op.
class Checks {
 public:
  explicit Checks(const sdk::Op& op) : op_(op) {
    if (op.arithmetic() != "f32") Fail("arithmetic ", op.arithmetic());
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
      const sdk::Value v = op_.input(slot);
      if (v.packing() != "i32") Fail("input ", slot, " of type ", v.packing(), ", want i32");
      if (Matrix(v)) Fail("a constant as input ", slot);
    }
    return *this;
  }
  // A vector of `elems`: any packing when it is constant, which the device then decodes, else f32. May be absent.
  Checks& Vector(uint32_t slot, int64_t elems) {
    if (!op_.has_input(slot)) return *this;
    const sdk::Value v = op_.input(slot);
    if (v.rank() != 1 || v.fixed(0) != elems) Fail("input ", slot, " of another length than ", elems);
    const bool constant = v.desc.role == CONCORD_ROLE_CONSTANT;
    const bool decodable = packing::Find(std::string(v.packing()).c_str()) != nullptr;
    return Need(v.packing() == "f32" || (constant && decodable), sdk::Cat("input ", slot, " of type ", v.packing()));
  }
  // A matrix that the device has rewritten for the kernels.
  Checks& Weights(uint32_t slot) {
    const sdk::Value v = op_.input(slot);
    if (!Matrix(v) || v.fixed(0) < 0 || v.fixed(1) < 0) return Fail("weights that are no constant matrix");
    const WeightFormat* format = FindFormat(v.packing());
    if (format == nullptr) return Fail("weights of type ", v.packing());
    if (v.fixed(1) % format->block_elems != 0) return Fail("rows of ", v.fixed(1), " elements of ", v.packing());
    return *this;
  }
  Checks& Attributes(std::initializer_list<std::string_view> known) {
    const std::string_view unknown = op_.attrs().Unknown(known);
    if (!unknown.empty()) Fail("attribute ", unknown);
    return *this;
  }
  // The same dims in the same order.
  Checks& Same(const sdk::Value& a, const sdk::Value& b) {
    bool same = a.rank() == b.rank();
    for (uint32_t d = 0; same && d < a.rank(); ++d) same = SameDim(a.desc.dims[d], b.desc.dims[d]);
    return Need(same, "operands of different shapes");
  }
  Checks& Need(bool condition, std::string_view otherwise) {
    if (!condition) Fail(otherwise);
    return *this;
  }
  bool ok() const { return reason_.empty(); }
  sdk::Support Answer() const { return reason_.empty() ? sdk::Supported() : sdk::No(reason_); }

  static bool SameDim(const concord_dim& a, const concord_dim& b) { return a.value == b.value && a.symbol == b.symbol; }
  // Elements of one step of the first dim.
  static int64_t Width(const sdk::Value& v) {
    int64_t width = 1;
    for (uint32_t d = 1; d < v.rank(); ++d) width *= v.desc.dims[d].value;
    return width;
  }

 private:
  template <typename... Parts>
  Checks& Fail(const Parts&... parts) {
    if (reason_.empty()) reason_ = sdk::Cat(op_.name(), " on this GPU does not take ", parts...);
    return *this;
  }
  // What the device keeps in units of weights and not as an array.
  static bool Matrix(const sdk::Value& v) { return v.desc.role == CONCORD_ROLE_CONSTANT && v.rank() == 2; }
  void Activation(const sdk::Value& v, std::string_view side, uint32_t slot) {
    if (v.index == CONCORD_NONE) {
      Fail("a missing ", side, " ", slot);
      return;
    }
    if (v.packing() != "f32") Fail(side, " ", slot, " of type ", v.packing(), ", want f32");
    if (v.rank() == 0) Fail(side, " ", slot, " of rank 0");
    if (Matrix(v)) Fail("a constant as ", side, " ", slot);
    for (uint32_t d = v.rank() == 1 ? 0 : 1; d < v.rank(); ++d) {
      if (v.desc.dims[d].symbol != CONCORD_NONE) Fail(side, " ", slot, " with a varying dim ", d);
    }
  }

  const sdk::Op& op_;
  std::string reason_;
};

}  // namespace concord::gpu
