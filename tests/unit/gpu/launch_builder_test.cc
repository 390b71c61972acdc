#include "backends/gpu/launch_builder.h"

#include <gtest/gtest.h>

namespace concord::gpu {
namespace {

sdk::Value ValueOf(uint32_t index, int32_t role) {
  sdk::Value value;
  value.index = index;
  value.desc.role = role;
  return value;
}

TEST(LaunchBuilder, AFormOfAValueIsMadeOnceAndKeptToTheLastThatReadsIt) {
  LaunchBuilder builder{Limits()};
  int made = 0;
  const auto form = [&](uint32_t op, const sdk::Value& x) {
    builder.BeginOp(op);
    return builder.SharedScratch(x, Size::Of(64), [&](uint32_t) { ++made; });
  };
  const sdk::Value x = ValueOf(3, CONCORD_ROLE_WORKSPACE), other = ValueOf(4, CONCORD_ROLE_INPUT);
  const uint32_t first = form(1, x);
  EXPECT_NE(form(2, other), first);
  EXPECT_EQ(form(4, x), first);
  EXPECT_EQ(made, 2);
  EXPECT_EQ(builder.scratch()[first].first_op, 1u);
  EXPECT_EQ(builder.scratch()[first].last_op, 4u);
}

TEST(LaunchBuilder, AFormOfStateIsMadeAnew) {
  LaunchBuilder builder{Limits()};
  int made = 0;
  const sdk::Value state = ValueOf(3, CONCORD_ROLE_STATE);
  for (uint32_t op = 0; op < 3; ++op) {
    builder.BeginOp(op);
    EXPECT_EQ(builder.SharedScratch(state, Size::Of(64), [&](uint32_t) { ++made; }), op);
  }
  EXPECT_EQ(made, 3);
}

}  // namespace
}  // namespace concord::gpu
