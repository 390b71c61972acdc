// plugin_probe FILE OP: loads a plugin by its path and runs the cases of every op on its first device, as the suite
// does: those of OP must pass, all others be refused with a reason.
#include <iostream>
#include <memory>

#include "runtime/cts/op_runner.h"
#include "runtime/hal/device_registry.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: plugin_probe FILE OP\n";
    return 2;
  }
  using concord::cts::Outcome;
  concord::hal::DeviceRegistry::Options options;
  options.plugin_files = {argv[1]};
  options.linked = options.search_environment = false;
  const auto registry = concord::hal::DeviceRegistry::Discover(std::move(options));
  for (const auto& problem : registry.problems())
    std::cout << problem.plugin << ": " << problem.status.message() << "\n";
  if (registry.devices().empty()) return 1;
  const auto device = registry.Open(registry.devices()[0].info.id);
  if (!device.ok()) {
    std::cout << device.status().message() << "\n";
    return 1;
  }
  int passed = 0, refused = 0, wrong = 0;
  for (const concord::ops::OpDef& op : concord::ops::AllOps()) {
    for (const concord::ops::OpCase& c : op.cases()) {
      const concord::cts::CaseResult result = concord::cts::RunOpCase(**device, c);
      passed += result.outcome == Outcome::kPassed;
      refused += result.outcome == Outcome::kRefused;
      if (result.outcome == (op.name == argv[2] ? Outcome::kPassed : Outcome::kRefused)) continue;
      std::cout << c.full_name() << ": " << result.detail << "\n";
      ++wrong;
    }
  }
  std::cout << passed << " passed, " << refused << " refused, " << wrong << " not as expected\n";
  return passed > 0 && refused > 0 && wrong == 0 ? 0 : 1;
}
