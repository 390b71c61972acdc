#include "runtime/cts/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"

namespace concord::cts {
namespace {

using testing::HasSubstr;
using testing::Not;

// One case of each verdict, and strings from a plugin that means no good.
Report Hostile() {
  Report report;
  report.plugin = "evil";
  report.vendor = "<script>alert('1')</script>";
  report.device.id = "evil:0";
  report.device.name = "a \"quoted\" & <b>bold</b> name \xFF";
  report.profile = "core-1";
  for (int v = 0; v < kVerdicts; ++v) {
    CaseReport& c = report.cases.emplace_back();
    c.name = absl::StrCat("group/case_", v);
    c.verdict = static_cast<Verdict>(v);
    c.result.detail = "</pre><img src=x onerror=alert(2)>";
    c.command = "concord-cts --plugin '<i>'";
  }
  report.speed.push_back({.name = "speed/<u>", .seconds = 0.5, .bytes = 1e9, .flops = 2e9});
  report.speed.push_back({.name = "speed/refused", .refused = "<no>"});
  report.peak = {4e9, "<copy>"};
  return report;
}

TEST(Report, GreenNeedsNoBadCase) {
  Report report = Hostile();
  EXPECT_EQ(report.CountBad(), 2);  // failed, unexpected pass; the refusal is not needed
  report.cases[static_cast<size_t>(Verdict::kRefused)].required = true;
  EXPECT_EQ(report.CountBad(), 3);
  EXPECT_EQ(report.Summary(),
            "not green: 1 passed, 1 failed, 1 passed unexpectedly, 1 refused that core-1 needs, 1 excluded, 1 skipped");
  report.cases.resize(1);
  EXPECT_TRUE(report.green());
  EXPECT_EQ(report.Summary(), "green: 1 passed");
}

TEST(Report, HtmlEscapesWhatComesFromAPlugin) {
  const std::string html = ToHtml(Hostile());
  for (const char* raw : {"<script", "<b>", "<img", "<i>", "<u>", "<no>", "<copy>", "\"quoted\""}) {
    EXPECT_THAT(html, Not(HasSubstr(raw))) << raw;
  }
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"));
  EXPECT_THAT(html, HasSubstr("a &quot;quoted&quot; &amp; &lt;b&gt;bold&lt;/b&gt; name"));
  EXPECT_THAT(html, HasSubstr("<td>50 %<"));  // 2 of 4 GB/s
}

TEST(Report, JsonParsesWhateverTheBytes) {
  const auto json = nlohmann::json::parse(ToJson(Hostile()), nullptr, false);
  ASSERT_FALSE(json.is_discarded());
  EXPECT_EQ(json["device"]["name"], "a \"quoted\" & <b>bold</b> name \xEF\xBF\xBD");
  EXPECT_EQ(json["green"], false);
  EXPECT_EQ(json["cases"].size(), static_cast<size_t>(kVerdicts));
  EXPECT_EQ(json["counts"]["unexpected pass"], 1);
  EXPECT_DOUBLE_EQ(json["speed"][0]["gb_per_second"].get<double>(), 2);
  EXPECT_DOUBLE_EQ(json["speed"][0]["share_of_peak"].get<double>(), 0.5);
  EXPECT_EQ(json["speed"][1]["refused"], "<no>");
}

}  // namespace
}  // namespace concord::cts
