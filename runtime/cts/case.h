#pragma once

#include <functional>
#include <string>
#include <vector>

#include "runtime/cts/case_result.h"
#include "runtime/cts/context.h"

namespace concord::cts {

// One question of the suite.
struct Case {
  std::string name;  // "semaphore/wait_before_signal": group first, unique
  std::function<CaseResult(Context&)> run;
};

// The cases of one file runtime/cts/groups/<word>.cc.
struct Group {
  const char* name;
  int step;  // groups run in this order: that in which the author of a plugin gets them green
  std::vector<Case> (*cases)();
};

// Begins the definition of a group; the body returns a Group.
#define CONCORD_DEFINE_CTS_GROUP(word) Group MakeGroup_##word()

// A case that is one function; see case_result.h for what its status means.
Case StatusCase(std::string name, absl::Status (*run)(Context&));

// Of the sorted list in CMakeLists.txt, by step.
const std::vector<Group>& AllGroups();
const std::vector<Case>& AllCases();

}  // namespace concord::cts
