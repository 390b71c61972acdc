#include "runtime/exec/part_canary.h"

#include <algorithm>
#include <set>
#include <utility>

#include "ops/core/compare.h"
#include "ops/core/numerics.h"
#include "runtime/base/hash.h"
#include "runtime/base/packing/int8_rows.h"
#include "runtime/exec/capacities.h"
#include "runtime/graph/placement.h"

namespace concord::exec {
namespace {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Role;
using graph::ValueId;

// Products that the reference of one op may compute: 10 ms of one core of 2026.
constexpr double kReferenceProducts = 2e6;
constexpr char kWrong[] = "computes wrongly: ";
constexpr int64_t kMostRows = 65, kLeastRows = 5;

// What two nodes have in common that a device cannot tell apart.
std::string SignatureOf(const LoadedPart& part, int32_t n) {
  const Node& node = part.module.main.nodes[n];
  std::string text = absl::StrCat(node.op->name, node.attrs.ToString(), part.arithmetic[n]);
  for (const ValueId id : node.inputs) {
    absl::StrAppend(&text, "|", id == kNoValue ? "" : part.module.main.value(id).type.ToString());
  }
  return text;
}

struct Nodes {
  std::vector<int32_t> first, others;  // one of each op; one of each other signature
};

Nodes DistinctNodes(const LoadedPart& part) {
  Nodes nodes;
  std::set<std::string> signatures, ops;
  for (int32_t n = 0; n < static_cast<int32_t>(part.module.main.nodes.size()); ++n) {
    if (!signatures.insert(SignatureOf(part, n)).second) continue;
    (ops.insert(part.module.main.nodes[n].op->name).second ? nodes.first : nodes.others).push_back(n);
  }
  return nodes;
}

absl::Status OutOfTime() { return absl::DeadlineExceededError("the time is over"); }

struct Pieces {
  std::vector<int32_t> block, head;  // up to the end of the first layer; behind the last
};

Pieces PiecesOf(const Graph& graph) {
  const std::vector<graph::Unit> units = graph::UnitsOf(graph);
  int64_t first = graph::Unit::kOutput;
  for (const graph::Unit& unit : units) {
    if (unit.layer != graph::Unit::kEmbed) first = std::min(first, unit.layer);
  }
  Pieces pieces;
  for (size_t n = 0; n < units.size(); ++n) {
    if (units[n].layer == graph::Unit::kOutput) {
      pieces.head.push_back(static_cast<int32_t>(n));
    } else if (units[n].layer <= first) {
      pieces.block.push_back(static_cast<int32_t>(n));
    }
  }
  return pieces;
}

// A node and those before it that write the states which it reads.
std::vector<int32_t> WithWriters(const Graph& graph, int32_t reader) {
  std::vector<int32_t> nodes;
  for (int32_t n = 0; n < reader; ++n) {
    const auto& read = graph.nodes[reader].inputs;
    const auto writes = [&](ValueId made) {
      return graph.value(made).role == Role::kState && std::find(read.begin(), read.end(), made) != read.end();
    };
    if (std::any_of(graph.nodes[n].outputs.begin(), graph.nodes[n].outputs.end(), writes)) nodes.push_back(n);
  }
  nodes.push_back(reader);
  return nodes;
}

// Values that the nodes make, states aside.
std::vector<ValueId> MadeBy(const Graph& graph, const std::vector<int32_t>& nodes) {
  std::vector<ValueId> made;
  for (const int32_t n : nodes) {
    for (const ValueId id : graph.nodes[n].outputs) {
      if (graph.value(id).role != Role::kState) made.push_back(id);
    }
  }
  return made;
}

}  // namespace

absl::StatusOr<PartCanary> PartCanary::Create(const LoadedPart& part, const loader::ModelSource& source,
                                              int64_t n_vocab, bool all, CanaryBudget* budget) {
  PartCanary canary(part, source, all, budget);
  // Odd numbers: nothing fits a tile. Keys of one sequence, and of the prompts, lie in two blocks.
  CONCORD_ASSIGN_OR_RETURN(canary.few_, MakeCanaryStep(part, n_vocab, {{5, 1}, {40, 1}, {0, 1}}, true));
  CONCORD_ASSIGN_OR_RETURN(canary.many_, MakeCanaryStep(part, n_vocab, {{0, 20}, {33, 1}, {3, 12}}, true));
  const auto& groups = part.module.state_groups;
  const int64_t block_tokens = groups.empty() ? kBlockTokens : groups[0].block_tokens;
  CONCORD_ASSIGN_OR_RETURN(canary.long_, MakeCanaryStep(part, n_vocab, {{0, 4}, {0, block_tokens + 3}}, false));
  CONCORD_ASSIGN_OR_RETURN(canary.prompt_, MakeCanaryStep(part, n_vocab, {{0, 4}, {0, 3}}, false));
  return canary;
}

std::vector<std::string> PartCanary::Run(bool first_is_enough, std::set<std::string>* proven) {
  first_is_enough_ = first_is_enough;
  proven_ = proven;
  const Nodes nodes = DistinctNodes(part_);
  RunOps(nodes.first);
  RunStates();
  RunPrompt();
  RunOps(nodes.others);
  return sentences_;
}

void PartCanary::RunOps(const std::vector<int32_t>& nodes) {
  for (const CanaryStep* step : {&few_, &many_}) {
    for (const int32_t n : nodes) {
      const std::string name = absl::StrCat(part_.device->id(), " ", part_.module.main.nodes[n].op->name, " ",
                                            step->batch.tokens.size(), " ", absl::Hex(Hash64(SignatureOf(part_, n))));
      RunCase(name, [&] { return RunOp(n, *step); });
    }
  }
}

// Nobody else can give or read such states, so each op that reads one runs with those that write it. The prompt has all
// its keys in one block; here they go on in another.
void PartCanary::RunStates() {
  const Graph& graph = part_.module.main;
  std::set<std::string> seen;
  for (int32_t reader = 0; reader < static_cast<int32_t>(graph.nodes.size()); ++reader) {
    if (!HasOpaqueState(reader) || !graph.nodes[reader].op->outputs[0].alias_of.empty()) continue;
    const std::string signature = SignatureOf(part_, reader);
    if (!seen.insert(signature).second) continue;
    const std::vector<int32_t> nodes = WithWriters(graph, reader);
    ValueBytes made;
    RunCase(absl::StrCat(part_.device->id(), " two blocks ", absl::Hex(Hash64(signature))),
            [&] { return RunPieces(long_, nodes, "states of two blocks", &made); });
  }
}

void PartCanary::RunPrompt() {
  const Pieces pieces = PiecesOf(part_.module.main);
  ValueBytes made;
  for (const auto& [nodes, what] : {std::pair(&pieces.block, "the first block"), {&pieces.head, "the output layers"}}) {
    if (nodes->empty()) continue;
    const std::string name = absl::StrCat(part_.device->id(), " ", what, " from node ", nodes->front());
    RunCase(name, [&, nodes = nodes, what = what] {
      return RunPieces(prompt_, *nodes, absl::StrCat(what, " on a prompt"), &made);
    });
  }
}

void PartCanary::RunCase(const std::string& name, const std::function<absl::Status()>& run) {
  const size_t wrong = sentences_.size();
  if ((first_is_enough_ && wrong > 0) || proven_->count(name) > 0) return;
  const absl::Status status = run();
  // What has no room in a load that ran nothing else has none in any.
  const bool never = absl::IsDeadlineExceeded(status) && cases_ == 0;
  if ((absl::IsDeadlineExceeded(status) || absl::IsResourceExhausted(status)) && !never) {
    ++skipped_;
    why_skipped_ = std::string(status.message());
    return;
  }
  if (!never) ++cases_;
  if (sentences_.size() == wrong) proven_->insert(name);  // also what the device declines: it would do so again
}

int64_t PartCanary::RowsFor(int32_t n, const CanaryStep& step) const {
  const int64_t rows = MatrixRows(part_.module.main, part_.module.main.nodes[n]);
  if (all_ || rows == 0) return INT64_MAX;
  const double products_a_row = step.work[n] / 2 / static_cast<double>(rows);
  return std::clamp(static_cast<int64_t>(kReferenceProducts / products_a_row), kLeastRows, kMostRows) | 1;
}

double PartCanary::ReferenceWork(int32_t n, const CanaryStep& step) const {
  const int64_t rows = MatrixRows(part_.module.main, part_.module.main.nodes[n]), seen = RowsFor(n, step);
  return rows <= seen ? step.work[n] : step.work[n] * static_cast<double>(seen) / static_cast<double>(rows);
}

// Whether a node touches a state that the device keeps in a layout of its own: nobody else can give or read it.
bool PartCanary::HasOpaqueState(int32_t n) const {
  const Graph& graph = part_.module.main;
  const auto& inputs = graph.nodes[n].inputs;
  return std::any_of(inputs.begin(), inputs.end(), [&](ValueId id) {
    return id != kNoValue && graph.value(id).role == Role::kState &&
           graph.value(id).type.layout != part_.device->info().kv_layout;
  });
}

absl::Status PartCanary::RunOp(int32_t n, const CanaryStep& step) {
  if (HasOpaqueState(n)) return absl::UnimplementedError("its states cannot be read");  // as part of a block they can
  Trial trial = {.part = &part_, .graph = part_.module.main, .nodes = {n}, .symbols = step.symbols};
  const double reference = ReferenceWork(n, step);
  double work = step.work[n];
  if (!budget_.Affords(work, reference)) {
    // A device that is too slow for the whole matrix shows with some rows of it what it makes of them.
    const CutNode cut = Cut(trial.graph, trial.graph.nodes[n], RowsFor(n, step));
    if (cut.rows == 0 || !budget_.Affords(reference, reference)) return OutOfTime();
    CONCORD_RETURN_IF_ERROR(CutTrial(source_, cut, &trial));
    work = reference;
  }
  CONCORD_RETURN_IF_ERROR(FillInputs(step, &trial));
  const std::string where = Where(n, step);
  CONCORD_ASSIGN_OR_RETURN(const ValueBytes made, OnDevice(trial, work, where));
  const absl::Status status = budget_.OnReference(
      reference, [&] { return CheckNode(trial, made, source_, n, {.most_rows = RowsFor(n, step)}); });
  if (!absl::IsDataLoss(status)) return status;
  Found(trial.graph.nodes[n].op->name, absl::StrCat(kWrong, where, ": ", status.message()));
  return absl::OkStatus();
}

absl::StatusOr<ValueBytes> PartCanary::OnDevice(const Trial& trial, double work, const std::string& where) {
  absl::StatusOr<ValueBytes> made = budget_.OnDevice(work, [&] { return RunTrial(trial); });
  if (made.ok() || absl::IsUnimplemented(made.status()) || absl::IsResourceExhausted(made.status())) return made;
  Found("", absl::StrCat("cannot run what it said it computes: ", where, ": ", made.status().message()));
  return absl::UnimplementedError("it failed");
}

// Each op on what the device made before it, so that each is held to what it is allowed by itself.
absl::Status PartCanary::RunPieces(const CanaryStep& step, const std::vector<int32_t>& nodes, const std::string& what,
                                   ValueBytes* made) {
  double work = 0, reference = 0;
  for (const int32_t n : nodes) work += step.work[n], reference += 2 * ReferenceWork(n, step);
  if (!budget_.Affords(2 * work, reference)) return OutOfTime();
  Trial whole = {.part = &part_, .graph = part_.module.main, .nodes = nodes, .symbols = step.symbols};
  CONCORD_ASSIGN_OR_RETURN(const std::vector<graph::Use> use, graph::ClassifyValues(whole.graph, {.nodes = nodes}));
  for (ValueId id = 0; id < static_cast<ValueId>(use.size()); ++id) {
    if (use[id] != graph::Use::kInput || whole.graph.value(id).role != Role::kIntermediate) continue;
    // What the first block made stands in for what the last would make.
    for (const auto& [before, bytes] : *made) {
      if (whole.graph.value(before).type == whole.graph.value(id).type) whole.given[id] = bytes;
    }
  }
  CONCORD_RETURN_IF_ERROR(FillInputs(step, &whole));
  Trial opened = whole;
  for (const ValueId id : MadeBy(whole.graph, nodes)) opened.graph.outputs.push_back({absl::StrCat("made.", id), id});
  const double begin = budget_.spent();
  CONCORD_ASSIGN_OR_RETURN(*made, OnDevice(opened, work, what));
  const double taken = budget_.spent() - begin;
  for (const int32_t n : nodes) {
    const absl::Status status =
        budget_.OnReference(2 * ReferenceWork(n, step), [&] { return CheckInPiece(step, opened, n, made); });
    if (absl::IsDataLoss(status)) {
      Found(part_.module.main.nodes[n].op->name,
            absl::StrCat(kWrong, Where(n, step), ", in ", what, ": ", status.message()));
      return absl::OkStatus();  // what follows was made of that
    }
    CONCORD_RETURN_IF_ERROR(status);
  }
  if (taken > budget_.seconds() - budget_.spent()) return OutOfTime();
  return CompareWhole(step, whole, *made, what);
}

absl::Status PartCanary::CheckInPiece(const CanaryStep& step, const Trial& opened, int32_t n, ValueBytes* made) {
  NodeCheck check = {.most_rows = RowsFor(n, step), .real_inputs = true};
  if (HasOpaqueState(n)) {
    const Node& node = opened.graph.nodes[n];
    if (!node.op->outputs[0].alias_of.empty()) return TakeStates(opened, source_, n, made);
    for (const ValueId id : node.inputs) {  // the reference's state may be rounded the other way
      if (id == kNoValue || opened.graph.value(id).role != Role::kState) continue;
      check.tolerance = ops::StoreTolerance(*opened.graph.value(id).type.packing);
    }
  }
  return CheckNode(opened, *made, source_, n, check);
}

// As it runs later, nothing being read but what others read: values share memory, the device may have merged ops.
absl::Status PartCanary::CompareWhole(const CanaryStep& step, const Trial& whole, const ValueBytes& opened,
                                      const std::string& what) {
  double work = 0, tolerance = 0;
  for (const int32_t n : whole.nodes) {
    work += step.work[n], tolerance += ToleranceOf(whole, n);
    // The last bit of an activation may take it to the next of 127 steps.
    if (packing::Int8GroupOf(part_.arithmetic[n]) > 0) tolerance = std::max(tolerance, 1.0 / 127);
  }
  CONCORD_ASSIGN_OR_RETURN(const ValueBytes made, OnDevice(whole, work, what));
  for (const ValueId id : MadeBy(whole.graph, whole.nodes)) {
    if (made.count(id) == 0) continue;
    const ops::TensorType& type = whole.graph.value(id).type;
    CONCORD_ASSIGN_OR_RETURN(const std::vector<int64_t> dims, graph::ResolveDims(type, whole.symbols));
    std::vector<std::byte> got = made.at(id), want = opened.at(id);
    const ops::Comparison result = ops::Compare(ops::TensorView(type.packing, dims, got.data()).Elements(),
                                                ops::TensorView(type.packing, dims, want.data()).Elements(), tolerance,
                                                {}, [&](int64_t at) { return ops::IndexText(dims, at); });
    if (result.ok()) continue;
    Found("", absl::StrCat(kWrong, what, ", against its ops one by one: ", result.n_wrong, " elements of value ", id,
                           " are wrong; the first:", result.first));
    return absl::OkStatus();
  }
  return absl::OkStatus();
}

std::string PartCanary::Where(int32_t n, const CanaryStep& step) const {
  const Node& node = part_.module.main.nodes[n];
  return absl::StrCat(node.op->name, " of ", node.scope.empty() ? part_.module.main.name : node.scope, " in ",
                      part_.arithmetic[n], " with ", step.batch.tokens.size(), " tokens");
}

void PartCanary::Found(const std::string& op, const std::string& sentence) {
  if (std::find(wrong_ops_.begin(), wrong_ops_.end(), op) != wrong_ops_.end()) return;
  wrong_ops_.push_back(op);
  sentences_.push_back(absl::StrCat(part_.device->id(), " ", sentence));
}

}  // namespace concord::exec
