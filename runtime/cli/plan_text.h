#pragma once

#include <string>

#include "runtime/cli/format.h"
#include "runtime/exec/handover_plan.h"
#include "runtime/exec/planner.h"

namespace concord::cli {

// A plan for people, and for programs. `workspace`: also where every intermediate value lies.
absl::StatusOr<std::string> PlanText(const exec::Planner& planner, const Plan& plan, bool workspace);
absl::StatusOr<Json> PlanJson(const exec::Planner& planner, const Plan& plan, bool workspace);

// What is between the two sides of a hand-over.
std::string HandoverText(const exec::HandoverPlan& plan);
Json HandoverJson(const exec::HandoverPlan& plan);

}  // namespace concord::cli
