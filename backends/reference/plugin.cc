// The reference backend: ops/ interpreted in float64 behind the same C table as every chip. The oracle of the suite and
// of the canary, and where a new op runs first. Slow on purpose.
#include "backends/reference/program.h"

namespace concord::reference {
namespace {

class ReferenceDevice final : public sdk::HostDevice {
 public:
  using sdk::HostDevice::HostDevice;

  static void Describe(concord_device_info* out) {
    out->name = sdk::ToC("float64 reference");
    out->features = sdk::ToC("every op in float64, one thread: for checking, not for use");
  }
  sdk::Support QueryOp(const sdk::Op& op) override { return reference::QueryOp(op); }
  sdk::Result<std::unique_ptr<sdk::Program>> Compile(const concord_program_desc& desc) override {
    return std::unique_ptr<sdk::Program>(std::make_unique<ReferenceProgram>(desc, nullptr, this));
  }
};

}  // namespace
}  // namespace concord::reference

CONCORD_PLUGIN(reference, "Concord", concord::sdk::HostInstance<concord::reference::ReferenceDevice>)
