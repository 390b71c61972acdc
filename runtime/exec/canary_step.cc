#include "runtime/exec/canary_step.h"

#include <algorithm>
#include <cstring>

#include "runtime/exec/capacities.h"
#include "runtime/exec/step_inputs.h"
#include "runtime/graph/partition.h"

namespace concord::exec {
namespace {

// All over the vocabulary, its ends included.
std::vector<int32_t> Tokens(int64_t count, int64_t n_vocab) {
  std::vector<int32_t> tokens(count);
  for (int64_t i = 0; i < count; ++i) tokens[i] = static_cast<int32_t>((i * 2654435761 + n_vocab - 1) % n_vocab);
  return tokens;
}

std::vector<std::byte> Bytes(const std::vector<int32_t>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(int32_t));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

}  // namespace

absl::StatusOr<CanaryStep> MakeCanaryStep(const LoadedPart& part, int64_t n_vocab,
                                          const std::vector<std::pair<int64_t, int64_t>>& sequences, bool all_logits) {
  const graph::Module& module = part.module;
  const int64_t block_tokens = module.state_groups.empty() ? kBlockTokens : module.state_groups[0].block_tokens;
  StepCapacities sizes = {.n_tokens = 0, .n_seqs = static_cast<int64_t>(sequences.size()), .n_blocks = 1};
  int64_t longest = 0;
  for (const auto& [before, count] : sequences) sizes.n_tokens += count, longest = std::max(longest, before + count);
  sizes.max_blocks = (longest + block_tokens - 1) / block_tokens;
  sizes.n_outputs = all_logits ? sizes.n_tokens : sizes.n_seqs;
  CanaryStep step;
  step.batch.Reserve(sizes.n_tokens, sizes.n_seqs, sizes.n_outputs, sizes.max_blocks);
  for (const auto& [before, count] : sequences) {
    std::vector<int32_t> blocks;  // one after the other, the first of the pool in no use
    for (int64_t b = 0; b < (before + count + block_tokens - 1) / block_tokens; ++b) {
      blocks.push_back(static_cast<int32_t>(sizes.n_blocks++));
    }
    std::reverse(blocks.begin(), blocks.end());
    step.batch.Add(Tokens(before + count, n_vocab).data(), before, count, blocks, block_tokens);
  }
  for (int64_t o = sizes.n_outputs; o-- > 0;) {
    step.batch.output_rows.push_back(all_logits ? static_cast<int32_t>(o) : step.batch.q_start[o + 1] - 1);
  }
  step.symbols = sizes.symbols();
  CONCORD_ASSIGN_OR_RETURN(const graph::GraphCost cost, graph::ComputeCost(module.main, step.symbols, longest));
  // What computes little still touches every element, in some operations and of some bytes each.
  for (const graph::NodeCost& node : cost.nodes) step.work.push_back(node.flops + node.activation_bytes);
  return step;
}

absl::Status FillInputs(const CanaryStep& step, Trial* trial) {
  const graph::Graph& graph = trial->graph;
  CONCORD_ASSIGN_OR_RETURN(const std::vector<graph::Use> use, graph::ClassifyValues(graph, {.nodes = trial->nodes}));
  for (graph::ValueId id = 0; id < static_cast<graph::ValueId>(use.size()); ++id) {
    const graph::Value& value = graph.value(id);
    if (use[id] != graph::Use::kInput && (use[id] != graph::Use::kState || value.alias_of != graph::kNoValue)) continue;
    if (trial->given.count(id) > 0) continue;
    if (const StepField field = StepFieldOf(value.name); field != nullptr && value.role == graph::Role::kInput) {
      trial->given[id] = Bytes(step.batch.*field);
      continue;
    }
    if (value.type.packing->name[0] == 'i') {
      return absl::UnimplementedError(absl::StrCat("what '", value.name, "' holds is not known"));
    }
    CONCORD_ASSIGN_OR_RETURN(const std::vector<int64_t> dims, graph::ResolveDims(value.type, trial->symbols));
    std::vector<std::byte>& bytes = trial->given[id];
    CONCORD_ASSIGN_OR_RETURN(const int64_t size, graph::ResolveBytes(value.type, trial->symbols));
    bytes.resize(size);
    ops::CaseRng rng(static_cast<uint64_t>(id));
    ops::FillUniform(rng, ops::TensorView(value.type.packing, dims, bytes.data()));
  }
  return absl::OkStatus();
}

}  // namespace concord::exec
