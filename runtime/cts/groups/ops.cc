// Every case of every op, fused ones too, against the float64 references.
#include "runtime/cts/case.h"
#include "runtime/cts/op_cases.h"
#include "runtime/cts/op_runner.h"

namespace concord::cts {

CONCORD_DEFINE_CTS_GROUP(ops) {
  return {.name = "ops", .step = 7, .cases = [] {
            std::vector<Case> cases;
            for (const NamedOpCase& c : AllOpCases()) {
              cases.push_back({absl::StrCat("ops/", c.name), [op_case = c.op_case](Context& context) {
                                 return RunOpCase(context.device(), *op_case, context.seed());
                               }});
            }
            return cases;
          }};
}

}  // namespace concord::cts
