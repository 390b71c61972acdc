// The same inputs give the same bits: every kind of op, run twice.
#include <algorithm>

#include "runtime/cts/case.h"
#include "runtime/cts/one_op.h"
#include "runtime/cts/op_cases.h"
#include "runtime/cts/rig.h"

namespace concord::cts {
namespace {

absl::StatusOr<std::string> RunForBytes(Context& context, const ops::OpCase& c) {
  OneOp run(context.device(), c, context.seed());
  CONCORD_RETURN_IF_ERROR(run.Build());
  CONCORD_ASSIGN_OR_RETURN(const hal::Support support, run.Query());
  if (!support.ok()) return Refused(support.reason);
  CONCORD_RETURN_IF_ERROR(run.RunDevice());
  return run.OutputBytes();
}

absl::Status SameTwice(Context& context, const ops::OpCase& c) {
  CONCORD_ASSIGN_OR_RETURN(const std::string once, RunForBytes(context, c));
  CONCORD_ASSIGN_OR_RETURN(const std::string again, RunForBytes(context, c));
  return ExpectBytes(again, once, "the second run, against the first");
}

// The largest case of a kind has the most ways to split its sums.
int64_t SizeOf(const ops::OpCase& c) {
  int64_t size = 0;
  for (const ops::CaseTensor& t : c.inputs) {
    int64_t elems = 1;
    for (int64_t d : t.dims) elems *= d;
    size += elems;
  }
  return size;
}

std::vector<Case> OneOfEachKind() {
  std::vector<std::pair<std::string, const ops::OpCase*>> kinds;
  for (const NamedOpCase& c : AllOpCases()) {
    const auto same = [&](const auto& kind) { return kind.first == c.kind; };
    const auto known = std::find_if(kinds.begin(), kinds.end(), same);
    if (known == kinds.end()) {
      kinds.emplace_back(c.kind, c.op_case);
    } else if (SizeOf(*c.op_case) > SizeOf(*known->second)) {
      known->second = c.op_case;
    }
  }
  std::vector<Case> cases;
  for (const auto& [kind, op_case] : kinds) {
    cases.push_back({absl::StrCat("determinism/", kind),
                     [largest = op_case](Context& context) { return ToResult(SameTwice(context, *largest)); }});
  }
  return cases;
}

}  // namespace

CONCORD_DEFINE_CTS_GROUP(determinism) { return {.name = "determinism", .step = 9, .cases = OneOfEachKind}; }

}  // namespace concord::cts
