#include "runtime/cts/case.h"

#include <algorithm>
#include <utility>

namespace concord::cts {

#define CONCORD_CTS_GROUP(word) Group MakeGroup_##word();
#include "runtime/cts/groups.inc"
#undef CONCORD_CTS_GROUP

const std::vector<Group>& AllGroups() {
  static const auto* groups = [] {
    auto* made = new std::vector<Group>{
#define CONCORD_CTS_GROUP(word) MakeGroup_##word(),
#include "runtime/cts/groups.inc"
#undef CONCORD_CTS_GROUP
    };
    std::sort(made->begin(), made->end(), [](const Group& a, const Group& b) { return a.step < b.step; });
    return made;
  }();
  return *groups;
}

const std::vector<Case>& AllCases() {
  static const auto* cases = [] {
    auto* made = new std::vector<Case>;
    for (const Group& group : AllGroups()) {
      for (Case& c : group.cases()) made->push_back(std::move(c));
    }
    return made;
  }();
  return *cases;
}

Case StatusCase(std::string name, absl::Status (*run)(Context&)) {
  return {std::move(name), [run](Context& context) { return ToResult(run(context)); }};
}

}  // namespace concord::cts
