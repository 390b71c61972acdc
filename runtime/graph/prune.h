#pragma once

#include <vector>

#include "runtime/graph/module.h"

namespace concord::graph {

// Removes nodes that no output and no state needs, and the values that then nobody names; the order stays. A write to a
// state is always needed: a later step may read it. Returns the new id of every old value, kNoValue for those gone.
std::vector<ValueId> Prune(Graph* graph);

// Also drops weights and states of the module that are gone, and state groups left without states.
void Prune(Module* module);

// Keeps only these outputs of the module (a caller that wants "hidden" need not compute "logits"), then prunes.
// NotFound when one is absent.
absl::Status KeepOutputs(const std::vector<std::string>& names, Module* module);

}  // namespace concord::graph
