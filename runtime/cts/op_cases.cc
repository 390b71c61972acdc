#include "runtime/cts/op_cases.h"

#include <deque>
#include <set>

#include "absl/strings/strip.h"
#include "ops/core/numerics.h"

namespace concord::cts {
namespace {

const std::string& PackingOf(const ops::OpDef& op, const ops::OpCase& c) {
  for (const bool weights : {true, false}) {
    for (const ops::Slot& slot : op.inputs) {
      const ops::CaseTensor* tensor = c.Find(slot.name);
      if (tensor != nullptr && (weights ? slot.weight : slot.state)) return tensor->packing;
    }
  }
  return c.inputs.front().packing;
}

// The case's own name without what stands in the path before it.
std::string ShortName(absl::string_view name, const std::string& packing, const std::string& arithmetic) {
  absl::ConsumeSuffix(&name, absl::StrCat("_", arithmetic));
  absl::ConsumeSuffix(&name, absl::StrCat("_", packing));
  absl::ConsumePrefix(&name, absl::StrCat(packing, "_"));
  return std::string(name);
}

std::vector<NamedOpCase> Named() {
  std::vector<NamedOpCase> named;
  std::set<std::string> taken;
  // The suite keeps the cases for as long as the process lives: names and fills point into them.
  static auto* const kept = new std::deque<std::vector<ops::OpCase>>;
  for (const ops::OpDef& op : ops::AllOps()) {
    for (const ops::OpCase& c : kept->emplace_back(op.cases())) {
      const std::string& packing = PackingOf(op, c);
      const std::string arithmetic = ops::ArithmeticWord(c.arithmetic);
      const std::string kind = absl::StrCat(op.name, "/", packing, "/", arithmetic);
      std::string name = absl::StrCat(kind, "/", ShortName(c.name, packing, arithmetic));
      if (!taken.insert(name).second) taken.insert(name = absl::StrCat(kind, "/", c.name));
      named.push_back({std::move(name), kind, &c});
    }
  }
  return named;
}

}  // namespace

const std::vector<NamedOpCase>& AllOpCases() {
  static const auto* cases = new std::vector<NamedOpCase>(Named());
  return *cases;
}

const ops::OpCase* FindOpCase(absl::string_view name) {
  for (const NamedOpCase& c : AllOpCases()) {
    if (name == c.name) return c.op_case;
  }
  return nullptr;
}

}  // namespace concord::cts
