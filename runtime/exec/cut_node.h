#pragma once

#include <cstdint>
#include <vector>

#include "runtime/exec/trial.h"
#include "runtime/loader/model_source.h"

namespace concord::exec {

struct RowRange {
  int64_t begin = 0, count = 0;
};

// The bytes of some rows of a weight of the part's graph, one range after the other.
absl::StatusOr<std::vector<std::byte>> ReadWeight(const LoadedPart& part, const loader::ModelSource& source,
                                                  graph::ValueId id, const std::vector<RowRange>& ranges);

// One node with some rows of its matrices, the first and the last: a row of the result depends on that row alone
// (DESIGN D13), so the float64 reference need not look at all 128,256 of an output layer, and neither has a slow
// device. Attributes and types are by slot; an input that is absent has no packing.
struct CutNode {
  ops::Attrs attrs;
  std::vector<ops::TensorType> inputs, outputs;
  int64_t rows = 0, of = 0;  // `rows` of the `of` that there are; 0: nothing is cut
  int64_t front = 0;         // how many of them are the first

  // Which column of the whole result a column of the cut one is.
  int64_t At(int64_t column) const { return column < front ? column : of - rows + column; }
  // The rows of the weight in a slot, which has type `whole` in the node.
  std::vector<RowRange> RangesOf(size_t slot, const ops::TensorType& whole) const;
};

// The rows of a node's matrices; 0 where it has none, or where they are not those of its result.
int64_t MatrixRows(const graph::Graph& graph, const graph::Node& node);

// At most `most` rows; all where the op has none to cut.
CutNode Cut(const graph::Graph& graph, const graph::Node& node, int64_t most);

// Makes a trial of one node one of the cut node.
absl::Status CutTrial(const loader::ModelSource& source, const CutNode& cut, Trial* trial);

}  // namespace concord::exec
