// Names: patterns, profiles, exclusions, and that every case has one of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "ops/core/op.h"
#include "runtime/cts/case.h"
#include "runtime/cts/exclusions.h"
#include "runtime/cts/pattern.h"
#include "runtime/cts/profile.h"

namespace concord::cts {
namespace {

using testing::HasSubstr;

TEST(Pattern, NamesCasesAndWhatIsBelow) {
  EXPECT_TRUE(Matches("ops/add/f32/f32/1x64", "ops/add/f32/f32/1x64"));
  EXPECT_TRUE(Matches("ops/add", "ops/add/f32/f32/1x64"));
  EXPECT_TRUE(Matches("ops/a*", "ops/add/f32/f32/1x64"));
  EXPECT_TRUE(Matches("ops/*/q4_?/*", "ops/linear/q4_k/f32/5x64"));
  EXPECT_TRUE(Matches("*x64", "ops/add/f32/f32/1x64"));
  EXPECT_TRUE(Matches("*/f32/*x6*", "ops/add/f32/f32/1x64"));
  EXPECT_TRUE(Matches("*", "anything"));
  EXPECT_FALSE(Matches("ops/ad", "ops/add/f32/f32/1x64"));  // part of a word is not the word
  EXPECT_FALSE(Matches("add", "ops/add/f32/f32/1x64"));
  EXPECT_FALSE(Matches("ops/add/f32/f32/1x64/", "ops/add/f32/f32/1x64"));
  EXPECT_FALSE(Matches("*x65", "ops/add/f32/f32/1x64"));
  EXPECT_FALSE(Matches("", "ops"));
  EXPECT_FALSE(Matches("?", ""));
  EXPECT_TRUE(MatchesAny("queue,ops/*", "ops/add"));
  EXPECT_FALSE(MatchesAny(",,", "ops/add"));
}

// A pattern with many stars against a long name must not take for ever.
TEST(Pattern, IsNotExponential) {
  std::string pattern;
  for (int i = 0; i < 30; ++i) pattern += "*a";
  EXPECT_FALSE(Matches(pattern + "b", std::string(5000, 'a')));
}

TEST(Cases, HaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const Case& c : AllCases()) {
    EXPECT_TRUE(names.insert(c.name).second) << c.name;
    EXPECT_EQ(c.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_/"), std::string::npos) << c.name;
    const bool in_group = std::any_of(AllGroups().begin(), AllGroups().end(), [&](const Group& g) {
      return absl::StartsWith(c.name, absl::StrCat(g.name, "/"));
    });
    EXPECT_TRUE(in_group) << c.name;
  }
  EXPECT_EQ(names.count("ops/linear/q4_k/f32/5x768x67"), 1u);
  EXPECT_EQ(names.count("ops/attention/q8_0/f32/decode"), 1u);
  EXPECT_EQ(names.count("ops/fused_linear_glu/q4_k/int8/5"), 1u);
  EXPECT_EQ(names.count("ops/fused_linear_glu/q4_k/int8_256/5"), 1u);
}

TEST(Groups, RunFromTheGroundUp) {
  std::vector<std::string> names;
  std::set<int> steps;
  for (const Group& g : AllGroups()) {
    names.emplace_back(g.name);
    EXPECT_TRUE(steps.insert(g.step).second) << g.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"device", "buffer", "semaphore", "queue", "program", "state", "ops",
                                             "faults", "determinism", "leaks", "threads", "models", "handover"}));
}

// A pattern that names nothing would be a hole: what it was meant to demand is not demanded.
TEST(Profiles, EveryPatternNamesSomething) {
  for (const Profile& profile : AllProfiles()) {
    std::vector<const char*> patterns = profile.patterns;
    patterns.insert(patterns.end(), profile.without.begin(), profile.without.end());
    for (const char* pattern : patterns) {
      EXPECT_TRUE(
          std::any_of(AllCases().begin(), AllCases().end(), [&](const Case& c) { return Matches(pattern, c.name); }))
          << profile.name << ": " << pattern;
    }
  }
}

TEST(Profiles, DemandWhatTheySay) {
  const Profile &core = **FindProfile("core-1"), &dense = **FindProfile("llm-dense-1"),
                &moe = **FindProfile("llm-moe-1");
  EXPECT_EQ(&DefaultProfile(), &dense);
  for (const char* name : {"queue/order", "ops/add/f32/f32/1x64", "ops/linear/f32/f32/7x333x65_bias"}) {
    EXPECT_TRUE(Requires(core, name) && Requires(dense, name)) << name;
  }
  for (const char* name : {"ops/linear/q4_k/f32/5x768x67", "ops/linear/mxfp4/f32/1x768x67", "models/qwen3/f32_kv_f32",
                           "ops/attention/q8_0/f32/decode", "determinism/fused_linear_glu/q6_k/f32"}) {
    EXPECT_TRUE(!Requires(core, name) && Requires(dense, name)) << name;
  }
  for (const char* name :
       {"ops/linear/q4_k/int8/5x768x67", "ops/linear/q4_k/int8_256/5x768x67", "ops/linear/iq4_nl/f32/1x768x67"}) {
    EXPECT_FALSE(Requires(dense, name)) << name;
  }
  for (const char* name : {"ops/moe_route/f32/f32/qwen3_37x128", "ops/linear_experts/q4_k/f32/5x256",
                           "determinism/fused_linear_experts_glu/q6_k/f32", "models/qwen3moe/f32_kv_f32"}) {
    EXPECT_TRUE(!Requires(dense, name) && Requires(moe, name)) << name;
    EXPECT_TRUE(std::any_of(AllCases().begin(), AllCases().end(), [&](const Case& c) { return c.name == name; }))
        << name;
  }
  // Every op there is, and everything that is not about one.
  for (const Case& c : AllCases()) {
    const bool op = absl::StartsWith(c.name, "ops/") || absl::StartsWith(c.name, "determinism/");
    EXPECT_TRUE(op || Requires(moe, c.name)) << c.name;
  }
  for (const ops::OpDef& op : ops::AllOps()) {
    EXPECT_TRUE(std::any_of(AllCases().begin(), AllCases().end(), [&](const Case& c) {
      return absl::StartsWith(c.name, absl::StrCat("ops/", op.name, "/")) && Requires(moe, c.name);
    })) << op.name;
  }
  EXPECT_THAT(std::string(FindProfile("no").status().message()), HasSubstr("there are: core-1, llm-dense-1"));
}

TEST(Exclusions, ReadLinesWithReasons) {
  const auto parsed = Exclusions::Parse("# all of it\n\n  a/*\t  the first reason \na/b second\n", "f", {"a/b", "c"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  ASSERT_NE(parsed->Find("a/b"), nullptr);
  EXPECT_EQ(*parsed->Find("a/b"), "the first reason");
  EXPECT_EQ(parsed->Find("c"), nullptr);
  EXPECT_THAT(std::string(Exclusions::Parse("\na/b", "f", {"a/b"}).status().message()), HasSubstr("f:2: 'a/b' is"));
  EXPECT_THAT(std::string(Exclusions::Parse("z  why", "f", {"a/b"}).status().message()),
              HasSubstr("f:1: 'z' names no"));
}

}  // namespace
}  // namespace concord::cts
