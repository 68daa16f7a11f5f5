#include "compiler/Report/BaselineReport.h"
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace neap;

namespace {

BaselineRow row(double peak, double seconds = 1, const char *version = "0.1") {
  BaselineRow result;
  result.values = {peak, 512, seconds, 0};
  result.neapVersion = version;
  return result;
}

CheckResult sample() {
  return checkBaseline(
      {{"bad", row(1024)}, {"gone", row(2048)}, {"good", row(4096)}},
      {{"bad", row(1088, 1.5)}, {"good", row(4000)}, {"new", row(1)}}, {});
}

size_t count(const std::string &text, const std::string &part) {
  size_t result = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1))
    ++result;
  return result;
}

TEST(BaselineReport, Table) {
  EXPECT_EQ(
      renderCheck(sample(), CheckFormat::Table),
      "job   result     peak                  smallest peak  time per step"
      "       flash written\n"
      "bad   regressed  1.06 KiB (+6.25 %) !  512 B (=)      1.5 s "
      "(+50.00 %) !  0 B (=)\n"
      "gone  missing    was 2.00 KiB          was 512 B      was 1 s"
      "             was 0 B\n"
      "good  ok         3.91 KiB (-2.34 %)    512 B (=)      1 s (=)"
      "             0 B (=)\n"
      "new   new        1 B                   512 B          1 s"
      "                 0 B\n"
      "bad: peak 1.00 KiB -> 1.06 KiB (+64 bytes, +6.25 %), at most 1.00 KiB\n"
      "bad: time per step 1 s -> 1.5 s (+50.00 %), at most 1.02 s\n"
      "bad: cause: the job or its inputs changed\n"
      "gone: the baseline has this job, but no plan was given for it\n"
      "new: the baseline does not have this job; --update-baseline adds it\n"
      "4 jobs, 2 failed, 1 new\n");
}

TEST(BaselineReport, GrowthFromZero) {
  BaselineRow before = row(1), after = row(1);
  after[Metric::FlashWrite] = 4096;
  CheckResult result = checkBaseline({{"j", before}}, {{"j", after}}, {});
  EXPECT_EQ(describeRow(result.rows[0])[0],
            "flash written 0 B -> 4.00 KiB (+4096 bytes, was 0), at most 0 B");
}

TEST(BaselineReport, LargestTensorsAreListed) {
  BaselineRow after = row(2);
  after.largestAtPeak = {"a (/n) 1 B", "b 1 B"};
  CheckResult result = checkBaseline({{"j", row(1)}}, {{"j", after}}, {});
  EXPECT_EQ(describeRow(result.rows[0])[1],
            "largest at the peak: a (/n) 1 B, b 1 B");
}

TEST(BaselineReport, Json) {
  nlohmann::json json =
      nlohmann::json::parse(renderCheck(sample(), CheckFormat::Json));
  EXPECT_EQ(json["v"], 1);
  EXPECT_EQ(json["passed"], false);
  ASSERT_EQ(json["rows"].size(), 4u);
  const auto &bad = json["rows"][0];
  EXPECT_EQ(bad["job"], "bad");
  EXPECT_EQ(bad["status"], "regressed");
  EXPECT_EQ(bad["passed"], false);
  EXPECT_EQ(bad["cause"], "the job or its inputs changed");
  EXPECT_EQ(bad["peak_bytes"],
            nlohmann::json::parse(R"({"baseline": 1024, "current": 1088,
                                      "limit": 1024, "passed": false})"));
  EXPECT_EQ(bad["seconds_per_step"]["limit"], 1.02);
  EXPECT_EQ(json["rows"][1]["peak_bytes"],
            nlohmann::json::parse(R"({"baseline": 2048})"));
  EXPECT_EQ(json["rows"][3]["peak_bytes"],
            nlohmann::json::parse(R"({"current": 1})"));
  EXPECT_EQ(json["rows"][3]["passed"], true);
}

TEST(BaselineReport, JUnitEscapesAndCounts) {
  CheckResult result = checkBaseline({{"a<&>\"\x01", row(1)}}, {}, {});
  EXPECT_EQ(renderCheck(result, CheckFormat::JUnit),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites tests=\"1\" failures=\"1\">\n"
            "  <testsuite name=\"neap check\" tests=\"1\" failures=\"1\">\n"
            "    <testcase classname=\"neap.check\" "
            "name=\"a&lt;&amp;&gt;&quot; \">\n"
            "      <failure type=\"missing\" message=\"the baseline has this "
            "job, but no plan was given for it\"/>\n"
            "    </testcase>\n"
            "  </testsuite>\n"
            "</testsuites>\n");
  std::string text = renderCheck(sample(), CheckFormat::JUnit);
  EXPECT_EQ(count(text, "<testcase "), 4u);
  EXPECT_EQ(count(text, "<failure "), 2u);
  EXPECT_EQ(count(text, "<system-out>"), 1u);
}

TEST(BaselineReport, MarkdownEscapesNames) {
  CheckResult result =
      checkBaseline({}, {{"a|b_<c>\n@x", row(1)}}, CheckOptions());
  std::string text = renderCheck(result, CheckFormat::Markdown);
  EXPECT_EQ(
      text.find("### ✅ neap check: 1 job, 0 failed, 1 new\n\n"
                "| job | result | peak | smallest peak | time per step | "
                "flash written |\n|---|---|---:|---:|---:|---:|\n"
                "| a\\|b\\_&lt;c&gt; \\@x | new | 1 B | 512 B | 1 s | 0 B "
                "|\n"),
      0u)
      << text;
  std::string failing = renderCheck(sample(), CheckFormat::Markdown);
  EXPECT_EQ(failing.find("### ❌ neap check"), 0u);
  EXPECT_NE(failing.find("| bad | **regressed** | 1.06 KiB (+6.25 %) ! |"),
            std::string::npos);
}

TEST(BaselineReport, GitHubCommandsAreEscaped) {
  CheckResult result = checkBaseline({{"50%: a,b\n", row(1024)}},
                                     {{"50%: a,b\n", row(2048)}}, {});
  EXPECT_EQ(renderCheck(result, CheckFormat::GitHub),
            "::error title=neap check%3A 50%25%3A a%2Cb%0A::peak 1.00 KiB -> "
            "2.00 KiB (+1024 bytes, +100.00 %25), at most 1.00 KiB%0Acause: "
            "the job or its inputs changed\n"
            "neap check: 1 job, 1 failed, 0 new\n");
  EXPECT_EQ(count(renderCheck(sample(), CheckFormat::GitHub), "::warning "),
            1u);
}

// GitHub drops annotations beyond ten of a kind without a word.
TEST(BaselineReport, GitHubAnnotationsEndWithACount) {
  BaselineRows many;
  for (int i = 10; i < 20; ++i)
    many["j" + std::to_string(i)] = row(1);
  EXPECT_EQ(count(renderCheck(checkBaseline(many, {}, {}), CheckFormat::GitHub),
                  "::error "),
            10u);
  many["j20"] = row(1);
  std::string text =
      renderCheck(checkBaseline(many, {}, {}), CheckFormat::GitHub);
  EXPECT_EQ(count(text, "::error "), 10u);
  EXPECT_NE(text.find("::error title=neap check::2 more jobs\n"),
            std::string::npos);
}

} // namespace
