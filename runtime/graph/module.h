#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/graph/graph.h"

namespace concord::graph {

// How a weight value is made from tensors of the model's file.
struct WeightSource {
  std::string tensor;  // name in the file; empty: `values` holds it
  // More tensors of the same shape and type that lie behind it along a new first dim: experts that are a tensor each.
  std::vector<std::string> stack;
  bool transpose = false;  // the file has [in, out] (Conv1D of gpt2)
  double add = 0;          // added to every element ((1 + w) norms read plainly)
  // Rows [row_begin, row_begin + row_count) of its first dim, after `transpose`; of a tensor of three dims those of
  // each matrix, its second dim.
  int64_t row_begin = 0;
  int64_t row_count = -1;     // -1: all
  std::vector<float> values;  // computed at load (rope tables)

  bool operator==(const WeightSource&) const = default;
};

struct Weight {
  ValueId value = kNoValue;
  WeightSource source;

  bool operator==(const Weight&) const = default;
};

// State of one kind that layers share the layout of: block tables and slots are per group (DESIGN D4).
struct StateGroup {
  std::string name;             // "kv": the graph's inputs are named kv.block_table, kv.slots
  std::string kind = "paged";   // paged | window | slot
  int64_t window = 0;           // tokens that stay visible, for kind window
  int64_t block_tokens = 0;     // tokens a block
  std::vector<ValueId> states;  // the K and V of every layer

  bool operator==(const StateGroup&) const = default;
};

// A model as the runtime sees it: a graph over one weight table and one set of state groups. The inputs of `main`:
//   tokens [n_tokens] i32, positions [n_tokens] i32, q_start [n_seqs + 1] i32, kv_len [n_seqs] i32,
//   <group>.slots [n_tokens] i32, <group>.block_table [n_seqs, max_blocks] i32, output_rows [n_outputs] i32;
// its outputs: logits [n_outputs, n_vocab] f32. Inputs that the model does not read are absent.
struct Module {
  Graph main;
  std::vector<Weight> weights;  // one a value of role kWeight
  std::vector<StateGroup> state_groups;
  int64_t n_vocab = 0;
  int64_t max_context = 0;  // tokens the model was made for; 0 = unlimited

  bool operator==(const Module&) const = default;
};

// Validate(main), and that weights and state groups fit its values.
absl::Status Validate(const Module& module);

}  // namespace concord::graph
