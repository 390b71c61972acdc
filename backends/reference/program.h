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

// Every attribute of `def`, from the op where given.
ops::Attrs AttrsOf(const ops::OpDef& def, const sdk::Attrs& given);

// Sees the tensors of each op before and after it is computed, on the thread that computes.
class OpObserver {
 public:
  virtual ~OpObserver() = default;
  virtual void Before(const ops::RefArgs& args) = 0;
  virtual void After(const ops::RefArgs& args) = 0;
};

// A partition that is interpreted op by op in float64.
class ReferenceProgram final : public sdk::Program {
 public:
  // `traced`: the device whose trace the ops stand in. Both may be null.
  explicit ReferenceProgram(const concord_program_desc& desc, std::shared_ptr<OpObserver> observer = nullptr,
                            sdk::HostDevice* traced = nullptr)
      : graph_(std::make_shared<sdk::GraphCopy>(desc)), observer_(std::move(observer)), traced_(traced) {}
  sdk::Result<std::unique_ptr<sdk::Prepared>> Prepare(const concord_prepare_args& args,
                                                      concord_prepare_result* result) override;

 private:
  std::shared_ptr<const sdk::GraphCopy> graph_;
  std::shared_ptr<OpObserver> observer_;
  sdk::HostDevice* traced_;
};

}  // namespace concord::reference
