#include "runtime/exec/stop_matcher.h"

#include <gtest/gtest.h>

#include <random>

namespace concord::exec {
namespace {

// Whatever the pieces, the output is the text before the first stop string.
TEST(StopMatcher, AnyCutGivesTheSame) {
  const std::string text = "aab<en<end>aabbab<end>ab";
  const std::vector<std::vector<std::string>> stop_sets = {{},        {"<end>"}, {"bba"}, {"ab<", "<end>"},
                                                           {"never"}, {"aa", ""}};
  std::mt19937 rng(3);
  for (const auto& stops : stop_sets) {
    size_t want = text.size();
    for (const std::string& s : stops) {
      if (!s.empty()) want = std::min(want, text.find(s));
    }
    for (int round = 0; round < 50; ++round) {
      StopMatcher matcher(stops);
      std::string got;
      bool stopped = false;
      for (size_t at = 0; at < text.size() && !stopped;) {
        const size_t n = 1 + rng() % 5;
        const StopMatcher::Out out = matcher.Feed(text.substr(at, n));
        got += out.text;
        stopped = out.stopped;
        at += n;
      }
      if (!stopped) got += matcher.Flush();
      EXPECT_EQ(got, text.substr(0, want));
      EXPECT_EQ(stopped, want < text.size());
    }
  }
}

TEST(StopMatcher, HoldsBackOnlyWhatCouldBecomeAStop) {
  StopMatcher matcher({"STOP"});
  EXPECT_EQ(matcher.Feed("go ST").text, "go ");
  EXPECT_EQ(matcher.Feed("ART").text, "START");
  const StopMatcher::Out out = matcher.Feed("STOP now");
  EXPECT_TRUE(out.stopped);
  EXPECT_EQ(out.text, "");
  EXPECT_EQ(out.matched, "STOP");
}

}  // namespace
}  // namespace concord::exec
