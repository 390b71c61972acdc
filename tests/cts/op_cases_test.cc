#include <gtest/gtest.h>

#include <cctype>
#include <map>

#include "runtime/base/packing/int8_rows.h"
#include "runtime/cts/op_runner.h"
#include "runtime/hal/device_registry.h"

namespace concord::cts {
namespace {

struct Param {
  std::string device;
  ops::OpCase op_case;
};

std::vector<Param> AllParams() {
  std::vector<Param> params;
  for (const auto& entry : hal::DeviceRegistry::Discover({}).devices()) {
    for (const ops::OpDef& op : ops::AllOps()) {
      for (const ops::OpCase& c : op.cases()) params.push_back({entry.info.id, c});
    }
  }
  return params;
}

std::string NameOf(const testing::TestParamInfo<Param>& info) {
  std::string name = info.param.device + "_" + info.param.op_case.full_name();
  for (char& c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

const hal::Device& OpenDevice(const std::string& id) {
  static auto* registry = new hal::DeviceRegistry(hal::DeviceRegistry::Discover({}));
  static auto* devices = new std::map<std::string, std::shared_ptr<hal::Device>>;
  std::shared_ptr<hal::Device>& device = (*devices)[id];
  if (device == nullptr) device = registry->Open(id).value();
  return *device;
}

class OpCases : public testing::TestWithParam<Param> {};

// The backends of this tree compute every case: a refusal is a failure. Arithmetics f16 and bf16 are for devices that
// are faster at them, and of the two of int8 one is enough.
TEST_P(OpCases, MatchesReference) {
  const hal::Device& device = OpenDevice(GetParam().device);
  CaseResult result = RunOpCase(device, GetParam().op_case);
  const std::string& arithmetic = GetParam().op_case.arithmetic;
  if (result.outcome == Outcome::kRefused && packing::Int8GroupOf(arithmetic) > 0) {
    ops::OpCase other = GetParam().op_case;
    other.arithmetic = arithmetic == "int8/32" ? "int8/256" : "int8/32";
    result = RunOpCase(device, other);
  }
  const bool half = arithmetic == "f16" || arithmetic == "bf16";
  if (result.outcome == Outcome::kRefused && half) GTEST_SKIP() << result.detail;
  EXPECT_EQ(result.outcome, Outcome::kPassed) << result.detail;
}

INSTANTIATE_TEST_SUITE_P(Linked, OpCases, testing::ValuesIn(AllParams()), NameOf);

}  // namespace
}  // namespace concord::cts
