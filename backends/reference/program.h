#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backends/sdk/bindings.h"
#include "backends/sdk/sdk.h"
#include "ops/core/op.h"

namespace concord::reference {

// Whether the definitions of ops/ accept the op: name, version, attributes, types and dims.
sdk::Support QueryOp(const sdk::Op& op);

// A partition that is interpreted op by op in float64.
class ReferenceProgram final : public sdk::Program {
 public:
  // `traced`: the device whose trace the ops stand in; null: none.
  explicit ReferenceProgram(const concord_program_desc& desc, sdk::HostDevice* traced = nullptr)
      : graph_(std::make_shared<sdk::GraphCopy>(desc)), traced_(traced) {}
  sdk::Result<std::unique_ptr<sdk::Prepared>> Prepare(const concord_prepare_args& args,
                                                      concord_prepare_result* result) override;

 private:
  std::shared_ptr<const sdk::GraphCopy> graph_;
  sdk::HostDevice* traced_;
};

}  // namespace concord::reference
