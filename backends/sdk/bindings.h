#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backends/sdk/arrays.h"
#include "backends/sdk/graph.h"
#include "backends/sdk/host_device.h"
#include "backends/sdk/work.h"

// Where the values of a program are: what prepare fixes (constants, capacities, places in the workspace) and what each
// submission brings (sizes, bindings), checked once here for every backend.
namespace concord::sdk {
inline namespace v0 {

// BufferClass is the device's sdk::Buffer, with Status CheckRange(offset_bytes, size_bytes); ConstantClass its
// sdk::Constant, with desc(): the description that it was made from.
template <typename BufferClass, typename ConstantClass>
class ValueBindings {
 public:
  // Memory of a value; both null for what nothing reads.
  struct Place {
    BufferClass* buffer = nullptr;
    const ConstantClass* constant = nullptr;
    uint64_t offset_bytes = 0;
  };

  // `graph` outlives this. INVALID_ARGUMENT when a capacity or a constant is missing, or is of another type or size.
  Status Init(const Graph& graph, const concord_prepare_args& args) {
    graph_ = &graph;
    ArrayView<uint64_t>(args.value_offsets).CopyTo(&offsets_);
    offsets_.resize(graph.n_values(), CONCORD_NO_OFFSET);
    planned_bytes_ = args.planned_bytes;
    IndexSlots();
    Status status = ReadSymbols(ArrayView<concord_symbol_value>(args.capacities), nullptr, &capacities_);
    if (!status.ok()) return status;
    fixed_.assign(slot_values_.size(), concord_binding{});
    for (const concord_binding b : ArrayView<concord_binding>(args.bindings)) {
      status = CheckBinding(b, capacities_);
      if (!status.ok()) return status;
      if (b.role != CONCORD_ROLE_WORKSPACE) fixed_[b.slot] = b;
    }
    status = CheckPlan();
    if (!status.ok()) return status;
    status = CheckConstants();
    if (!status.ok()) return status;
    step_symbols_ = capacities_;
    places_.assign(graph.n_values(), Place{});
    checked_symbols_.reserve(graph.n_symbols());
    checked_slots_.reserve(slot_values_.size());
    return Ok();
  }

  // Whether a submission brings everything, large enough for its sizes. On the submitting thread, of which a device
  // with one queue has one at a time; allocates nothing and touches nothing that Begin reads or writes.
  Status Check(const Work& work, uint64_t workspace_bytes) {
    std::vector<int64_t>& symbols = checked_symbols_;
    Status status = ReadSymbols(ArrayView<concord_symbol_value>(ArrayOf(work.values)), &capacities_, &symbols);
    if (!status.ok()) return status;
    bool workspace = workspace_bytes == 0;
    std::vector<char>& bound = checked_slots_;
    bound.assign(slot_values_.size(), 0);
    for (const concord_binding& b : work.bindings) {
      status = CheckBinding(b, symbols);
      if (!status.ok()) return status;
      if (b.role == CONCORD_ROLE_WORKSPACE) {
        if (b.size_bytes < workspace_bytes) {
          return Error(CONCORD_INVALID_ARGUMENT, "the workspace has ", b.size_bytes, " bytes, want ", workspace_bytes);
        }
        workspace = true;
      } else {
        bound[b.slot] = 1;
      }
    }
    if (!workspace)
      return Error(CONCORD_INVALID_ARGUMENT, "no workspace is bound; this program needs ", workspace_bytes, " bytes");
    for (uint32_t slot = 0; slot < slot_values_.size(); ++slot) {
      if (slot_values_[slot] == CONCORD_NONE || bound[slot] || fixed_[slot].buffer != nullptr ||
          fixed_[slot].constant != nullptr)
        continue;
      return Error(CONCORD_INVALID_ARGUMENT, "nothing is bound to '", graph_->value(slot_values_[slot]).name(),
                   "' (slot ", slot, ")");
    }
    return Ok();
  }

  // Takes up a checked submission. On the executing thread, one at a time; allocates nothing.
  void Begin(const Work& work) {
    step_symbols_.assign(capacities_.begin(), capacities_.end());
    for (const concord_symbol_value& v : work.values) step_symbols_[v.symbol] = v.value;
    workspace_ = Place{};
    for (uint32_t slot = 0; slot < slot_values_.size(); ++slot) Put(slot, fixed_[slot]);
    for (const concord_binding& b : work.bindings) {
      if (b.role == CONCORD_ROLE_WORKSPACE) {
        workspace_ = Place{BufferOf(b.buffer), nullptr, b.offset_bytes};
      } else {
        Put(b.slot, b);
      }
    }
    for (uint32_t v = 0; v < places_.size(); ++v) {
      const uint32_t alias = alias_[v];
      if (alias != CONCORD_NONE) {
        places_[v] = places_[alias];
      } else if (offsets_[v] != CONCORD_NO_OFFSET && workspace_.buffer != nullptr) {
        places_[v] = Place{workspace_.buffer, nullptr, workspace_.offset_bytes + offsets_[v]};
      }
    }
  }

  const Graph& graph() const { return *graph_; }
  const Place& place(uint32_t value) const { return places_[value]; }
  const Place& workspace() const { return workspace_; }  // no buffer when the submission needs none
  uint64_t planned_bytes() const { return planned_bytes_; }
  uint64_t offset(uint32_t value) const { return offsets_[value]; }

  // Extents of this step, and at capacity.
  int64_t extent(const concord_dim& dim) const { return Extent(dim, step_symbols_); }
  int64_t capacity(const concord_dim& dim) const { return Extent(dim, capacities_); }
  // Elements of a value in this step.
  int64_t elems(uint32_t value) const {
    int64_t count = 1;
    const Value v = graph_->value(value);
    for (uint32_t d = 0; d < v.rank(); ++d) count *= extent(v.desc.dims[d]);
    return count;
  }

  // The value whose storage this one shares; itself when it has storage of its own.
  uint32_t root(uint32_t value) const { return alias_[value] == CONCORD_NONE ? value : alias_[value]; }
  // Bytes of a value in this step, and at capacity.
  uint64_t bytes(uint32_t value) const { return static_cast<uint64_t>(Bytes(graph_->value(value), step_symbols_)); }
  uint64_t capacity_bytes(uint32_t value) const {
    return static_cast<uint64_t>(Bytes(graph_->value(value), capacities_));
  }

  // The constant bound to a value of role CONSTANT; null for others.
  const ConstantClass* constant(uint32_t value) const {
    const Value v = graph_->value(value);
    if (v.desc.role != CONCORD_ROLE_CONSTANT || v.desc.slot >= fixed_.size()) return nullptr;
    return static_cast<const ConstantClass*>(ObjectOf(fixed_[v.desc.slot].constant));
  }

 private:
  static BufferClass* BufferOf(concord_buffer* handle) { return static_cast<BufferClass*>(ObjectOf(handle)); }

  static int64_t Extent(const concord_dim& dim, const std::vector<int64_t>& symbols) {
    return dim.value + (dim.symbol == CONCORD_NONE ? 0 : symbols[dim.symbol]);
  }

  void IndexSlots() {
    alias_.assign(graph_->n_values(), CONCORD_NONE);
    for (uint32_t v = 0; v < graph_->n_values(); ++v) {
      const Value value = graph_->value(v);
      alias_[v] = value.desc.alias_of < graph_->n_values() ? Root(value.desc.alias_of) : CONCORD_NONE;
      const uint32_t slot = value.desc.slot;
      if (alias_[v] != CONCORD_NONE || slot == CONCORD_NONE || slot > graph_->n_values()) continue;
      if (slot >= slot_values_.size()) slot_values_.resize(slot + 1, CONCORD_NONE);
      slot_values_[slot] = v;
    }
  }

  // Aliases may chain: every state after a write points to the one before.
  uint32_t Root(uint32_t value) const {
    for (uint32_t steps = 0; steps < graph_->n_values(); ++steps) {
      const uint32_t next = graph_->value(value).desc.alias_of;
      if (next >= graph_->n_values()) return value;
      value = next;
    }
    return CONCORD_NONE;
  }

  // Every symbol once; with `limits`, absent ones take the limit and none may exceed it.
  Status ReadSymbols(ArrayView<concord_symbol_value> given, const std::vector<int64_t>* limits,
                     std::vector<int64_t>* out) const {
    out->assign(graph_->n_symbols(), -1);
    for (const concord_symbol_value v : given) {
      if (v.symbol >= graph_->n_symbols())
        return Error(CONCORD_INVALID_ARGUMENT, "symbol ", v.symbol, " of ", graph_->n_symbols());
      if (v.value < 0 || (limits != nullptr && v.value > (*limits)[v.symbol])) {
        return Error(CONCORD_INVALID_ARGUMENT, graph_->symbol(v.symbol).name, " is ", v.value, ", want 0 to ",
                     limits != nullptr ? (*limits)[v.symbol] : graph_->symbol(v.symbol).max);
      }
      (*out)[v.symbol] = v.value;
    }
    for (uint32_t s = 0; s < out->size(); ++s) {
      if ((*out)[s] >= 0) continue;
      if (limits == nullptr)
        return Error(CONCORD_INVALID_ARGUMENT, "no capacity is given for ", graph_->symbol(s).name);
      (*out)[s] = (*limits)[s];
    }
    return Ok();
  }

  // Bytes of a value under `symbols`; negative when they leave 63 bits.
  int64_t Bytes(const Value& value, const std::vector<int64_t>& symbols) const {
    int64_t elems = 1;
    for (uint32_t d = 0; d < value.rank(); ++d) {
      const int64_t extent = Extent(value.desc.dims[d], symbols);
      if (extent < 0 || __builtin_mul_overflow(elems, extent, &elems)) return -1;
    }
    int64_t bytes = 0;
    const concord_type& type = value.desc.type;
    if (elems % type.block_elems != 0) return -1;
    return __builtin_mul_overflow(elems / type.block_elems, static_cast<int64_t>(type.block_bytes), &bytes) ? -1
                                                                                                            : bytes;
  }

  Status CheckBinding(const concord_binding& b, const std::vector<int64_t>& symbols) const {
    if (b.role == CONCORD_ROLE_WORKSPACE) {
      if (b.buffer == nullptr) return Error(CONCORD_INVALID_ARGUMENT, "the workspace binding has no buffer");
      return BufferOf(b.buffer)->CheckRange(b.offset_bytes, b.size_bytes);
    }
    if (b.slot >= slot_values_.size() || slot_values_[b.slot] == CONCORD_NONE) {
      return Error(CONCORD_INVALID_ARGUMENT, "slot ", b.slot, " is bound, but the program has no such slot");
    }
    const Value value = graph_->value(slot_values_[b.slot]);
    if (b.role != value.desc.role) {
      return Error(CONCORD_INVALID_ARGUMENT, "'", value.name(), "' has role ", value.desc.role, " but is bound as ",
                   b.role);
    }
    if (b.role == CONCORD_ROLE_CONSTANT) {
      if (b.constant == nullptr) return Error(CONCORD_INVALID_ARGUMENT, "'", value.name(), "' is bound to no constant");
      return Ok();
    }
    if (b.buffer == nullptr) return Error(CONCORD_INVALID_ARGUMENT, "'", value.name(), "' is bound to no buffer");
    const int64_t want = Bytes(value, symbols);
    if (want < 0 || static_cast<uint64_t>(want) > b.size_bytes) {
      return Error(CONCORD_INVALID_ARGUMENT, "'", value.name(), "' is bound to ", b.size_bytes, " bytes, want ", want);
    }
    return BufferOf(b.buffer)->CheckRange(b.offset_bytes, b.size_bytes);
  }

  Status CheckPlan() const {
    for (uint32_t v = 0; v < graph_->n_values(); ++v) {
      const Value value = graph_->value(v);
      if (value.desc.role != CONCORD_ROLE_WORKSPACE || alias_[v] != CONCORD_NONE) continue;
      const int64_t bytes = Bytes(value, capacities_);
      if (bytes < 0) return Error(CONCORD_OUT_OF_RANGE, "'", value.name(), "' has no size at these capacities");
      if (offsets_[v] == CONCORD_NO_OFFSET) continue;  // nothing reads it
      if (offsets_[v] > planned_bytes_ || static_cast<uint64_t>(bytes) > planned_bytes_ - offsets_[v]) {
        return Error(CONCORD_INVALID_ARGUMENT, "'", value.name(), "' at ", offsets_[v], " + ", bytes,
                     " leaves the planned workspace of ", planned_bytes_);
      }
    }
    return Ok();
  }

  Status CheckConstants() const {
    for (uint32_t slot = 0; slot < slot_values_.size(); ++slot) {
      if (slot_values_[slot] == CONCORD_NONE) continue;
      const Value value = graph_->value(slot_values_[slot]);
      if (value.desc.role != CONCORD_ROLE_CONSTANT) continue;
      if (fixed_[slot].constant == nullptr) {
        return Error(CONCORD_INVALID_ARGUMENT, "no constant is bound to '", value.name(), "' (slot ", slot, ")");
      }
      const auto& desc = static_cast<const ConstantClass*>(ObjectOf(fixed_[slot].constant))->desc();
      const int64_t want = Bytes(value, capacities_);
      if (FromC(desc.type.packing) != value.packing() || want < 0 ||
          desc.host_size_bytes < static_cast<uint64_t>(want)) {
        return Error(CONCORD_INVALID_ARGUMENT, "'", value.name(), "' is bound to a constant of ", desc.host_size_bytes,
                     " bytes of ", desc.type.packing, ", want ", want, " of ", value.packing());
      }
    }
    return Ok();
  }

  void Put(uint32_t slot, const concord_binding& b) {
    const uint32_t value = slot_values_[slot];
    if (value == CONCORD_NONE) return;
    if (b.constant != nullptr) {
      places_[value] = Place{nullptr, static_cast<const ConstantClass*>(ObjectOf(b.constant)), 0};
    } else if (b.buffer != nullptr) {
      places_[value] = Place{BufferOf(b.buffer), nullptr, b.offset_bytes};
    }
  }

  const Graph* graph_ = nullptr;
  std::vector<uint32_t> alias_;         // by value: the value whose storage it shares, or CONCORD_NONE
  std::vector<uint32_t> slot_values_;   // by slot
  std::vector<concord_binding> fixed_;  // by slot: what prepare bound
  std::vector<uint64_t> offsets_;       // by value
  std::vector<int64_t> capacities_, step_symbols_;
  std::vector<int64_t> checked_symbols_;  // room for Check
  std::vector<char> checked_slots_;
  std::vector<Place> places_;  // by value, of the present step
  Place workspace_;
  uint64_t planned_bytes_ = 0;
};

// The same in host memory, by address.
class HostBindings : public ValueBindings<HostBuffer, HostConstant> {
 public:
  static Result<HostBindings> Make(const Graph& graph, const concord_prepare_args& args) {
    HostBindings made;
    Status status = made.Init(graph, args);
    if (!status.ok()) return status;
    made.data_.assign(graph.n_values(), nullptr);
    return made;
  }

  void Begin(const Work& work) {
    ValueBindings::Begin(work);
    for (uint32_t v = 0; v < data_.size(); ++v) data_[v] = Address(place(v));
    scratch_ = workspace().buffer == nullptr ? nullptr : Address(workspace()) + planned_bytes();
  }

  char* data(uint32_t value) const { return data_[value]; }  // null for CONCORD_NONE's and unused values
  // What lies behind the planned part of the workspace: the backend's own.
  char* scratch() const { return scratch_; }

 private:
  static char* Address(const Place& place) {
    if (place.constant != nullptr) return const_cast<char*>(place.constant->data());
    return place.buffer == nullptr ? nullptr : place.buffer->data() + place.offset_bytes;
  }

  std::vector<char*> data_;  // by value, of the present step
  char* scratch_ = nullptr;
};

}  // namespace v0
}  // namespace concord::sdk
