#pragma once

#include <deque>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/sdk/arrays.h"
#include "backends/sdk/status.h"
#include "concord/plugin.h"

// Views of a concord_program_desc: read on demand, nothing is copied, so asking about one op of a long program is
// cheap.
namespace concord::sdk {
inline namespace v0 {

// The attributes of an op. An absent key has the default of concord/ops.h, which the caller passes.
class Attrs {
 public:
  Attrs() = default;
  explicit Attrs(concord_array array) : array_(array) {}

  int64_t Int(std::string_view key, int64_t otherwise) const {
    const std::optional<concord_attr> a = Find(key);
    if (!a) return otherwise;
    return a->kind == CONCORD_ATTR_FLOAT ? static_cast<int64_t>(a->f) : a->i;
  }
  double Float(std::string_view key, double otherwise) const {
    const std::optional<concord_attr> a = Find(key);
    if (!a) return otherwise;
    return a->kind == CONCORD_ATTR_INT ? static_cast<double>(a->i) : a->f;
  }
  std::string_view String(std::string_view key, std::string_view otherwise) const {
    const std::optional<concord_attr> a = Find(key);
    return a ? FromC(a->s) : otherwise;
  }

  // The first key outside `known` whose value is not 0 / 0.0 / "": a meaning the plugin does not know, so it must
  // answer NO. Empty when there is none.
  std::string_view Unknown(std::initializer_list<std::string_view> known) const {
    return FirstUnknown(
        [known](std::string_view key) { return std::find(known.begin(), known.end(), key) != known.end(); });
  }
  // The same for keys that are known by a function, bool(std::string_view).
  template <typename IsKnown>
  std::string_view FirstUnknown(IsKnown is_known) const {
    for (const concord_attr a : array_) {
      const std::string_view key = FromC(a.key);
      if (is_known(key)) continue;
      const bool zero = a.kind == CONCORD_ATTR_INT     ? a.i == 0
                        : a.kind == CONCORD_ATTR_FLOAT ? a.f == 0.0
                                                       : a.kind == CONCORD_ATTR_STRING && a.s.size_bytes == 0;
      if (!zero) return key;
    }
    return {};
  }

 private:
  std::optional<concord_attr> Find(std::string_view key) const {
    for (const concord_attr a : array_) {
      if (FromC(a.key) == key) return a;
    }
    return std::nullopt;
  }

  ArrayView<concord_attr> array_;
};

// A tensor of the program.
struct Value {
  uint32_t index = CONCORD_NONE;  // in concord_program_desc.values
  concord_value_desc desc{};

  std::string_view packing() const { return FromC(desc.type.packing); }
  std::string_view name() const { return FromC(desc.name); }
  uint32_t rank() const { return desc.rank; }
  // Dims may be counted from the end: dim(-1) is the contiguous one.
  const concord_dim& dim(int i) const { return desc.dims[i < 0 ? static_cast<int>(desc.rank) + i : i]; }
  // The extent, when it does not depend on a symbol; -1 otherwise.
  int64_t fixed(int i) const { return dim(i).symbol == CONCORD_NONE ? dim(i).value : -1; }
};

class Graph;

// An application of an op. Valid as long as the description that it was read from.
class Op {
 public:
  Op(const Graph* graph, uint32_t index, const concord_op_desc& desc)
      : index_(index), graph_(graph), desc_(desc), inputs_(desc.inputs), outputs_(desc.outputs), attrs_(desc.attrs) {}

  uint32_t index() const { return index_; }
  std::string_view name() const { return FromC(desc_.name); }
  std::string_view scope() const { return FromC(desc_.scope); }
  std::string_view arithmetic() const { return FromC(desc_.arithmetic); }
  uint32_t version() const { return desc_.version; }
  uint32_t n_inputs() const { return inputs_.size(); }
  uint32_t n_outputs() const { return outputs_.size(); }
  uint32_t input_index(uint32_t slot) const { return slot < inputs_.size() ? inputs_[slot] : CONCORD_NONE; }
  uint32_t output_index(uint32_t slot) const { return slot < outputs_.size() ? outputs_[slot] : CONCORD_NONE; }
  bool has_input(uint32_t slot) const { return input_index(slot) != CONCORD_NONE; }
  // The tensor of a slot of ops.h; a value of index CONCORD_NONE when it is absent.
  inline Value input(uint32_t slot) const;
  inline Value output(uint32_t slot) const;
  const Attrs& attrs() const { return attrs_; }
  const Graph& graph() const { return *graph_; }

 private:
  uint32_t index_;
  const Graph* graph_;
  concord_op_desc desc_;
  ArrayView<uint32_t> inputs_, outputs_;
  Attrs attrs_;
};

class Graph {
 public:
  explicit Graph(const concord_program_desc& desc)
      : name_(FromC(desc.name)), symbols_(desc.symbols), values_(desc.values), ops_(desc.ops) {}

  std::string_view name() const { return name_; }
  uint32_t n_symbols() const { return symbols_.size(); }
  uint32_t n_values() const { return values_.size(); }
  uint32_t n_ops() const { return ops_.size(); }
  concord_symbol symbol(uint32_t index) const { return symbols_[index]; }
  Value value(uint32_t index) const { return index < values_.size() ? Value{index, values_[index]} : Value{}; }
  Op op(uint32_t index) const { return Op(this, index, ops_[index]); }

  // Whether every index that the op and its values carry points to something: done before an author's code sees it.
  Status CheckOp(uint32_t index) const {
    if (index >= n_ops()) return Error(CONCORD_OUT_OF_RANGE, "op ", index, " of a program of ", n_ops(), " ops");
    const Op o = op(index);
    for (uint32_t i = 0; i < o.n_inputs() + o.n_outputs(); ++i) {
      const uint32_t v = i < o.n_inputs() ? o.input_index(i) : o.output_index(i - o.n_inputs());
      if (v == CONCORD_NONE) continue;
      if (v >= n_values()) return Bad(o, Cat("names value ", v, " of ", n_values()));
      const Value value = this->value(v);
      if (value.rank() > CONCORD_MAX_RANK) return Bad(o, Cat("has a value of rank ", value.rank()));
      if (value.desc.type.block_elems == 0 || value.desc.type.block_bytes == 0) return Bad(o, "has a type of no size");
      for (uint32_t d = 0; d < value.rank(); ++d) {
        const uint32_t s = value.desc.dims[d].symbol;
        if (s != CONCORD_NONE && s >= n_symbols()) return Bad(o, Cat("names symbol ", s, " of ", n_symbols()));
      }
    }
    return Ok();
  }

 private:
  Status Bad(const Op& op, const std::string& what) const {
    Status status = Error(CONCORD_INVALID_ARGUMENT, "op ", op.index(), " (", op.name(), ", ", op.scope(), ") ", what);
    status.op_index = op.index();
    return status;
  }

  std::string_view name_;
  ArrayView<concord_symbol> symbols_;
  ArrayView<concord_value_desc> values_;
  ArrayView<concord_op_desc> ops_;
};

Value Op::input(uint32_t slot) const { return graph_->value(input_index(slot)); }
Value Op::output(uint32_t slot) const { return graph_->value(output_index(slot)); }

// A description that outlives the call that brought it.
class GraphCopy {
 public:
  explicit GraphCopy(const concord_program_desc& desc) : desc_(Copy(desc)), graph_(desc_) {}
  GraphCopy(const GraphCopy&) = delete;
  GraphCopy& operator=(const GraphCopy&) = delete;

  const Graph& graph() const { return graph_; }
  const concord_program_desc& desc() const { return desc_; }

 private:
  concord_string Keep(concord_string text) { return ToC(text_.emplace_back(FromC(text))); }
  concord_array KeepIndices(concord_array array) {
    ArrayView<uint32_t>(array).CopyTo(&indices_.emplace_back());
    return ArrayOf(indices_.back());
  }

  concord_program_desc Copy(const concord_program_desc& theirs) {
    concord_program_desc out = Import(&theirs);
    out.name = Keep(theirs.name);
    ArrayView<concord_symbol>(theirs.symbols).CopyTo(&symbols_);
    for (concord_symbol& s : symbols_) s.name = Keep(s.name);
    ArrayView<concord_value_desc>(theirs.values).CopyTo(&values_);
    for (concord_value_desc& v : values_) {
      v.type.packing = Keep(v.type.packing);
      v.layout = Keep(v.layout);
      v.name = Keep(v.name);
    }
    ArrayView<concord_op_desc>(theirs.ops).CopyTo(&ops_);
    for (concord_op_desc& o : ops_) {
      o.name = Keep(o.name);
      o.scope = Keep(o.scope);
      o.arithmetic = Keep(o.arithmetic);
      o.inputs = KeepIndices(o.inputs);
      o.outputs = KeepIndices(o.outputs);
      std::vector<concord_attr>& attrs = attrs_.emplace_back();
      ArrayView<concord_attr>(o.attrs).CopyTo(&attrs);
      for (concord_attr& a : attrs) {
        a.key = Keep(a.key);
        a.s = Keep(a.s);
      }
      o.attrs = ArrayOf(attrs);
    }
    out.symbols = ArrayOf(symbols_);
    out.values = ArrayOf(values_);
    out.ops = ArrayOf(ops_);
    return out;
  }

  // Deques, because elements must not move while the description points to them.
  std::deque<std::string> text_;
  std::deque<std::vector<uint32_t>> indices_;
  std::deque<std::vector<concord_attr>> attrs_;
  std::vector<concord_symbol> symbols_;
  std::vector<concord_value_desc> values_;
  std::vector<concord_op_desc> ops_;
  concord_program_desc desc_;
  Graph graph_;
};

}  // namespace v0
}  // namespace concord::sdk
