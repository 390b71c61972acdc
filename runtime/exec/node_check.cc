#include "runtime/exec/node_check.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "ops/core/compare.h"

namespace concord::exec {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::Role;
using graph::ValueId;

// Relative: 16 units of rounding of f32; of halves and bf16, whose tolerances are a few units, four.
double InputChange(const std::string& arithmetic) {
  return arithmetic == "f16" ? 0x1p-9 : arithmetic == "bf16" ? 0x1p-7 : 0x1p-20;
}

bool IsFloat(const packing::Packing& packing) { return packing.name[0] != 'i'; }

ops::OpCase CaseOf(const Trial& trial, int32_t n) {
  const Node& node = trial.graph.nodes[n];
  ops::OpCase c{.op = node.op->name, .attrs = node.attrs, .arithmetic = trial.part->arithmetic[n]};
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] == kNoValue) continue;
    const ops::TensorType& type = trial.graph.value(node.inputs[i]).type;
    const auto dims = graph::ResolveDims(type, trial.symbols);
    c.inputs.push_back({node.op->inputs[i].name, type.packing->name, dims.value_or(std::vector<int64_t>())});
  }
  return c;
}

// A tensor of the reference in memory of its own.
struct Tensor {
  ops::TensorType type;
  std::vector<int64_t> dims;
  std::vector<std::byte> bytes;

  ops::TensorView view() { return ops::TensorView(type.packing, dims, bytes.data()); }
};

class Check {
 public:
  Check(const Trial& trial, const ValueBytes& made, const loader::ModelSource& source, int32_t node,
        const NodeCheck& check)
      : trial_(trial),
        made_(made),
        source_(source),
        n_(node),
        node_(trial.graph.nodes[node]),
        check_(check),
        cut_(Cut(trial.graph, node_, check.most_rows)) {}

  absl::Status Run() {
    CONCORD_RETURN_IF_ERROR(TakeInputs());
    std::vector<Tensor> inputs = inputs_;
    CONCORD_ASSIGN_OR_RETURN(const Results want, Reference(&inputs));
    Results room(want.size());
    if (check_.real_inputs) {
      inputs = Changed();
      CONCORD_ASSIGN_OR_RETURN(room, Reference(&inputs));
      for (size_t o = 0; o < room.size(); ++o) {
        for (size_t e = 0; e < room[o].size(); ++e) room[o][e] = std::fabs(room[o][e] - want[o][e]);
      }
    }
    for (size_t o = 0; o < want.size(); ++o) CONCORD_RETURN_IF_ERROR(Compare(o, want[o], room[o]));
    return absl::OkStatus();
  }

  absl::Status States(ValueBytes* made) {
    CONCORD_RETURN_IF_ERROR(TakeInputs());
    CONCORD_RETURN_IF_ERROR(Reference(&inputs_).status());
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const ValueId id = node_.inputs[i], root = id == kNoValue ? kNoValue : trial_.graph.value(id).alias_of;
      if (Writes(i)) (*made)[root == kNoValue ? id : root] = inputs_[i].bytes;
    }
    return absl::OkStatus();
  }

 private:
  using Results = std::vector<std::vector<double>>;  // by output

  absl::Status TakeInputs() {
    inputs_.resize(node_.inputs.size());
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (node_.inputs[i] != kNoValue) CONCORD_RETURN_IF_ERROR(TakeInput(i));
    }
    return node_.op->name == "embed" ? TakeTable() : absl::OkStatus();
  }

  absl::Status TakeInput(size_t slot) {
    const ValueId id = node_.inputs[slot], root = trial_.graph.value(id).alias_of;
    Tensor& tensor = inputs_[slot];
    tensor.type = cut_.inputs[slot];
    CONCORD_ASSIGN_OR_RETURN(tensor.dims, graph::ResolveDims(tensor.type, trial_.symbols));
    if (trial_.graph.value(id).role != Role::kWeight) {
      tensor.bytes = BytesOf(slot, root == kNoValue ? id : root);
      return absl::OkStatus();
    }
    if (const auto own = trial_.weights.find(id); own != trial_.weights.end()) {
      tensor.bytes = own->second;
      return absl::OkStatus();
    }
    if (node_.op->name == "embed") return absl::OkStatus();  // TakeTable
    CONCORD_ASSIGN_OR_RETURN(tensor.bytes,
                             ReadWeight(*trial_.part, source_, id, cut_.RangesOf(slot, trial_.graph.value(id).type)));
    return absl::OkStatus();
  }

  bool Writes(size_t slot) const {
    const auto& outputs = node_.op->outputs;
    return std::any_of(outputs.begin(), outputs.end(),
                       [&](const ops::Slot& output) { return output.alias_of == node_.op->inputs[slot].name; });
  }

  // What the device read: what it had made before, a state that the node writes as it was before the run.
  const std::vector<std::byte>& BytesOf(size_t slot, ValueId id) const {
    const auto made = made_.find(id);
    return Writes(slot) || made == made_.end() ? trial_.given.at(id) : made->second;
  }

  // Of a table only the rows that are looked up, which the reference sees as rows 0, 1, 2, ...
  absl::Status TakeTable() {
    const size_t slot = node_.op->FindInput("table") - node_.op->inputs.data();
    Tensor& ids = inputs_[node_.op->FindInput("ids") - node_.op->inputs.data()];
    Tensor& table = inputs_[slot];
    const int64_t rows = table.dims[0];
    table.dims[0] = ids.view().elems();
    for (int64_t t = 0; t < table.dims[0]; ++t) {
      const int64_t id = ids.view().Int(t);
      const bool there = id >= 0 && id < rows;
      CONCORD_ASSIGN_OR_RETURN(const std::vector<std::byte> row,
                               ReadWeight(*trial_.part, source_, node_.inputs[slot], {{there ? id : 0, 1}}));
      table.bytes.insert(table.bytes.end(), row.begin(), row.end());
      ids.view().SetInt(t, there ? t : -1);
    }
    return absl::OkStatus();
  }

  // The inputs with every activation a little larger or smaller.
  std::vector<Tensor> Changed() const {
    std::vector<Tensor> changed = inputs_;
    ops::CaseRng rng(7);
    const double change = InputChange(trial_.part->arithmetic[n_]);
    for (size_t i = 0; i < changed.size(); ++i) {
      const ops::Slot& slot = node_.op->inputs[i];
      if (node_.inputs[i] == kNoValue || slot.weight || slot.state || !IsFloat(*changed[i].type.packing)) continue;
      const ops::TensorView view = changed[i].view();
      for (int64_t r = 0; r < view.rows(); ++r) {
        std::vector<double> row = view.Row(r);
        for (double& v : row) v *= 1 + (rng.Next() % 2 == 0 ? change : -change);
        view.WriteRow(r, row.data());
      }
    }
    return changed;
  }

  // Writes to states among `inputs`.
  absl::StatusOr<Results> Reference(std::vector<Tensor>* inputs) const {
    ops::RefArgs args(*node_.op, trial_.part->arithmetic[n_]);
    for (size_t i = 0; i < inputs->size(); ++i) {
      if (node_.inputs[i] != kNoValue) args.Set(node_.op->inputs[i].name, (*inputs)[i].view());
    }
    std::vector<Tensor> outputs(node_.outputs.size());
    std::vector<ops::TensorView> views;
    for (size_t o = 0; o < outputs.size(); ++o) {
      const ops::Slot& slot = node_.op->outputs[o];
      if (!slot.alias_of.empty()) {
        views.push_back((*inputs)[node_.op->FindInput(slot.alias_of) - node_.op->inputs.data()].view());
      } else {
        outputs[o].type = cut_.outputs[o];
        CONCORD_ASSIGN_OR_RETURN(outputs[o].dims, graph::ResolveDims(outputs[o].type, trial_.symbols));
        CONCORD_ASSIGN_OR_RETURN(const int64_t bytes, graph::ResolveBytes(outputs[o].type, trial_.symbols));
        outputs[o].bytes.resize(bytes);
        views.push_back(outputs[o].view());
      }
      args.Set(slot.name, views.back());
    }
    node_.op->reference(cut_.attrs, args);
    Results results;
    for (const ops::TensorView& view : views) results.push_back(view.Elements());
    return results;
  }

  absl::Status Compare(size_t output, const std::vector<double>& want, const std::vector<double>& room) const {
    const ValueId id = node_.outputs[output], root = trial_.graph.value(id).alias_of;
    Tensor got{.type = trial_.graph.value(id).type};
    CONCORD_ASSIGN_OR_RETURN(got.dims, graph::ResolveDims(got.type, trial_.symbols));
    got.bytes = made_.at(root == kNoValue ? id : root);
    const std::vector<double> all = got.view().Elements();
    const auto at = [&](int64_t e) { return cut_.rows == 0 ? e : e / cut_.rows * cut_.of + cut_.At(e % cut_.rows); };
    std::vector<double> seen(want.size());
    for (size_t e = 0; e < seen.size(); ++e) seen[e] = all[at(static_cast<int64_t>(e))];
    const ops::Comparison result = ops::Compare(seen, want, ToleranceOf(trial_, n_) + check_.tolerance, room,
                                                [&](int64_t e) { return ops::IndexText(got.dims, at(e)); });
    if (result.ok()) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(node_.op->outputs[output].name, ": ", result.n_wrong, " of ", want.size(),
                                            " elements are wrong; the first:", result.first));
  }

  const Trial& trial_;
  const ValueBytes& made_;
  const loader::ModelSource& source_;
  const int32_t n_;
  const Node& node_;
  const NodeCheck& check_;
  const CutNode cut_;
  std::vector<Tensor> inputs_;
};

}  // namespace

absl::Status CheckNode(const Trial& trial, const ValueBytes& made, const loader::ModelSource& source, int32_t node,
                       const NodeCheck& check) {
  return Check(trial, made, source, node, check).Run();
}

absl::Status TakeStates(const Trial& trial, const loader::ModelSource& source, int32_t node, ValueBytes* made) {
  const NodeCheck check;
  return Check(trial, *made, source, node, check).States(made);
}

double ToleranceOf(const Trial& trial, int32_t node) {
  return trial.graph.nodes[node].op->tolerance(CaseOf(trial, node));
}

}  // namespace concord::exec
