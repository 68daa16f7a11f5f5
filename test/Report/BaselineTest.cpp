#include "compiler/Report/Baseline.h"
#include "test/Spec/SpecTesting.h"
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace neap;
namespace fs = std::filesystem;

namespace {

BaselineRow row(double peak, double minPeak, double seconds, double flash,
                const char *version = "0.1.0") {
  BaselineRow result;
  result.values = {peak, minPeak, seconds, flash};
  result.neapVersion = version;
  return result;
}

std::string plan(const std::string &job, int64_t peak = 1000) {
  return R"({"schema_version": 1, "job": ")" + job +
         R"(", "peak": {"planned_bytes": )" + std::to_string(peak) +
         R"(, "by_class": {}}, "min_peak_bytes": 800,
             "seconds_per_step": 1.5, "neap_version": "0.1.0",
             "flash": {"write_bytes_per_step": 64, "read": 1}})";
}

/// A folder that goes away with the test.
struct TemporaryFolder {
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "neap-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~TemporaryFolder() { fs::remove_all(path); }
  std::string write(const std::string &name, const std::string &text) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name) << text;
    return (path / name).string();
  }
  std::string file(const std::string &name) const {
    return (path / name).string();
  }
  fs::path path;
};

std::string slurp(const std::string &file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

RowCheck checkOne(const BaselineRow &before, const BaselineRow &after,
                  const CheckOptions &options = {}) {
  CheckResult result =
      checkBaseline({{"job", before}}, {{"job", after}}, options);
  EXPECT_EQ(result.rows.size(), 1u);
  return result.rows[0];
}

TEST(Baseline, EqualRowsPass) {
  RowCheck check = checkOne(row(10, 8, 1, 0), row(10, 8, 1, 0));
  EXPECT_EQ(check.status, RowStatus::Unchanged);
  EXPECT_TRUE(check.cause.empty());
  EXPECT_FALSE(check.failed());
}

TEST(Baseline, OneByteMoreFailsAndLessPasses) {
  RowCheck worse = checkOne(row(1000, 800, 1, 64), row(1001, 800, 1, 64));
  EXPECT_EQ(worse.status, RowStatus::Regressed);
  EXPECT_EQ(worse.cause, "the job or its inputs changed");
  EXPECT_TRUE(worse.changes[size_t(Metric::Peak)].regressed);
  EXPECT_FALSE(worse.changes[size_t(Metric::MinPeak)].regressed);
  EXPECT_FALSE(checkOne(row(1000, 800, 1, 64), row(900, 700, 0.5, 0)).failed());
}

// A plan that fills its budget hides a regression behind a slower step.
TEST(Baseline, EveryMetricIsCompared) {
  EXPECT_TRUE(checkOne(row(10, 8, 1, 4), row(10, 9, 1, 4)).failed());
  EXPECT_TRUE(checkOne(row(10, 8, 1, 4), row(10, 8, 1.03, 4)).failed());
  EXPECT_FALSE(checkOne(row(10, 8, 1, 4), row(10, 8, 1.015, 4)).failed());
  EXPECT_TRUE(checkOne(row(10, 8, 1, 0), row(10, 8, 1, 1)).failed());
}

TEST(Baseline, ThresholdsAllowGrowth) {
  CheckOptions options;
  options.thresholds[size_t(Metric::Peak)] =
      *parseThreshold(Metric::Peak, "5%");
  EXPECT_FALSE(
      checkOne(row(1000, 1, 1, 1), row(1050, 1, 1, 1), options).failed());
  EXPECT_TRUE(
      checkOne(row(1000, 1, 1, 1), row(1051, 1, 1, 1), options).failed());
  options.thresholds[size_t(Metric::Peak)] =
      *parseThreshold(Metric::Peak, "1KiB");
  EXPECT_FALSE(
      checkOne(row(1000, 1, 1, 1), row(2024, 1, 1, 1), options).failed());
  EXPECT_TRUE(
      checkOne(row(1000, 1, 1, 1), row(2025, 1, 1, 1), options).failed());
}

TEST(Baseline, ThresholdText) {
  EXPECT_EQ(parseThreshold(Metric::Peak, "0")->amount, 0);
  EXPECT_EQ(parseThreshold(Metric::FlashWrite, "4MiB")->amount, 4 << 20);
  EXPECT_TRUE(parseThreshold(Metric::Peak, "2.5%")->percent);
  EXPECT_EQ(parseThreshold(Metric::Peak, "2.5%")->amount, 2.5);
  EXPECT_EQ(parseThreshold(Metric::Seconds, "0.25")->amount, 0.25);
  for (const char *text : {"", "%", "-1%", "x%", "1e999%", "ten", "2 %x"}) {
    EXPECT_FALSE(parseThreshold(Metric::Peak, text)) << text;
    EXPECT_FALSE(parseThreshold(Metric::Seconds, text)) << text;
  }
  EXPECT_FALSE(parseThreshold(Metric::Peak, "0.5"));
}

// Figures for different devices say nothing about each other.
TEST(Baseline, OtherDevicesAreNotCompared) {
  BaselineRow phone = row(1, 1, 1, 1), laptop = phone, unknown = phone;
  phone.device = "phone";
  laptop.device = "laptop";
  laptop.file = "a/plan.json";
  auto error = findOtherDevice({{"job", phone}}, {{"job", laptop}});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->text(),
            "a/plan.json: device: expected a plan of the job \"job\" for "
            "'phone', as in the baseline, but found one for 'laptop': plan it "
            "under another --name, or let --update-baseline replace the row");
  EXPECT_FALSE(findOtherDevice({{"job", phone}}, {{"job", phone}}));
  EXPECT_FALSE(findOtherDevice({{"job", phone}}, {{"other", laptop}}));
  // Baselines of before the device was kept.
  EXPECT_FALSE(findOtherDevice({{"job", unknown}}, {{"job", laptop}}));
}

TEST(Baseline, TheDeviceIsKept) {
  BaselineRow with = row(1, 1, 1, 1);
  with.device = "phone";
  std::string text = renderBaseline({{"a", with}, {"b", row(1, 1, 1, 1)}});
  auto rows = parseBaseline(text, "base.json");
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_EQ(rows->at("a").device, "phone");
  EXPECT_EQ(rows->at("b").device, "");
  EXPECT_EQ(renderBaseline(*rows), text);
}

TEST(Baseline, MissingRowsFailAndNewRowsDoNot) {
  CheckResult result =
      checkBaseline({{"b", row(1, 1, 1, 1)}}, {{"a", row(2, 2, 2, 2)}}, {});
  ASSERT_EQ(result.rows.size(), 2u);
  EXPECT_EQ(result.rows[0].job, "a");
  EXPECT_EQ(result.rows[0].status, RowStatus::New);
  EXPECT_FALSE(result.rows[0].failed());
  EXPECT_EQ(result.rows[1].status, RowStatus::Missing);
  EXPECT_TRUE(result.rows[1].failed());
  EXPECT_TRUE(result.failed());
  EXPECT_FALSE(checkBaseline({}, {{"a", row(2, 2, 2, 2)}}, {}).failed());
}

TEST(Baseline, AChangedNeapVersionIsItsOwnCause) {
  RowCheck worse =
      checkOne(row(10, 8, 1, 0, "0.1.0"), row(11, 8, 1, 0, "0.2.0"));
  EXPECT_TRUE(worse.failed());
  EXPECT_EQ(worse.cause, "Neap version changed from 0.1.0 to 0.2.0");
  RowCheck same =
      checkOne(row(10, 8, 1, 0, "0.1.0"), row(10, 8, 1, 0, "0.2.0"));
  EXPECT_FALSE(same.failed());
  EXPECT_EQ(same.cause, "Neap version changed from 0.1.0 to 0.2.0");
}

TEST(Baseline, PlansAreFoundInFilesAndFolders) {
  TemporaryFolder folder;
  folder.write("one/plan.json", plan("one"));
  folder.write("deep/er/two.plan.json", plan("two", 2000));
  folder.write("deep/other.json", "not a plan");
  std::string file = folder.write("three.json", plan("three"));
  InputOr<BaselineRows> rows =
      readPlanRows({folder.file("one"), folder.file("deep"), file});
  ASSERT_TRUE(rows) << errorText(rows);
  ASSERT_EQ(rows->size(), 3u);
  EXPECT_EQ(rows->at("two")[Metric::Peak], 2000);
  EXPECT_EQ(rows->at("one")[Metric::MinPeak], 800);
  EXPECT_EQ(rows->at("one")[Metric::Seconds], 1.5);
  EXPECT_EQ(rows->at("one")[Metric::FlashWrite], 64);
  EXPECT_EQ(rows->at("one").neapVersion, "0.1.0");
}

TEST(Baseline, PlanErrors) {
  TemporaryFolder folder;
  std::string empty = folder.file("empty");
  fs::create_directory(empty);
  EXPECT_EQ(errorText(readPlanRows({empty})),
            empty + ": holds no plan.json and no *.plan.json");
  EXPECT_EQ(errorText(readPlanRows({folder.file("none")})),
            folder.file("none") +
                ": cannot be opened: No such file or directory");
  folder.write("a/plan.json", plan("same"));
  folder.write("b/plan.json", plan("same"));
  EXPECT_EQ(errorText(readPlanRows({folder.file("a"), folder.file("b")})),
            folder.file("b/plan.json") +
                ": job: a second plan of the job \"same\" after '" +
                folder.file("a/plan.json") +
                "': plan one of them under another --name");

  auto message = [](const std::string &patch) {
    BaselineRows rows;
    std::string text = patched(plan("j").c_str(), patch);
    auto error = addPlanRow(text, "p", rows);
    return error ? error->text() : "no error";
  };
  EXPECT_EQ(message("{}"), "no error");
  EXPECT_EQ(message(R"({"job": null})"), "p: job: is required");
  EXPECT_EQ(message(R"({"neap_version": null})"),
            "p: neap_version: is required");
  EXPECT_EQ(message(R"({"peak": null})"), "p: peak: is required");
  EXPECT_EQ(message(R"({"peak": {"planned_bytes": null}})"),
            "p: peak.planned_bytes: is required");
  EXPECT_EQ(message(R"({"peak": 3})"),
            "p: peak: expected an object, but found 3");
  EXPECT_EQ(message(R"({"min_peak_bytes": -1})"),
            "p: min_peak_bytes: expected an integer >= 0 and <= "
            "9007199254740992, but found -1");
  EXPECT_EQ(message(R"({"seconds_per_step": "1"})"),
            "p: seconds_per_step: expected a number >= 0 and <= 1e+12, but "
            "found \"1\"");
  EXPECT_EQ(message(R"({"flash": {"write_bytes_per_step": 0.5}})"),
            "p: flash.write_bytes_per_step: expected an integer >= 0 and <= "
            "9007199254740992, but found 0.5");
  EXPECT_EQ(message(R"({"tensors_at_peak": 1})"),
            "p: tensors_at_peak: expected a list, but found 1");
  EXPECT_EQ(message(R"({"tensors_at_peak": [{"name": "a"}]})"),
            "p: tensors_at_peak[0].bytes: is required");
  BaselineRows rows;
  EXPECT_EQ(addPlanRow("{", "p", rows)->text().find("p: line 1, column 2: "),
            0u);
}

TEST(Baseline, APeakRegressionNamesTheLargestTensors) {
  std::string tensors;
  for (int i = 0; i < 7; ++i)
    tensors += (i ? ", " : "") + std::string(R"({"name": "t)") +
               std::to_string(i) + R"(", "onnx_node": "/n)" +
               std::to_string(i) + R"(", "bytes": 1024})";
  BaselineRows rows;
  std::string text =
      patched(plan("j").c_str(), "{\"tensors_at_peak\": [" + tensors + "]}");
  ASSERT_FALSE(addPlanRow(text, "p", rows));
  ASSERT_EQ(rows["j"].largestAtPeak.size(), 5u);
  EXPECT_EQ(rows["j"].largestAtPeak[4], "t4 (/n4) 1.00 KiB");

  BaselineRow smaller = rows["j"];
  smaller[Metric::Peak] -= 1;
  EXPECT_EQ(checkOne(smaller, rows["j"]).largestAtPeak.size(), 5u);
  EXPECT_TRUE(checkOne(rows["j"], rows["j"]).largestAtPeak.empty());
}

TEST(Baseline, RendersWhatItReads) {
  BaselineRows rows = {{"b", row(3, 2, 0.125, 0, "0.2.0")},
                       {"a \"x\"", row(1e15, 1, 2, 3)}};
  std::string text = renderBaseline(rows);
  InputOr<BaselineRows> back = parseBaseline(text, "base.json");
  ASSERT_TRUE(back) << errorText(back);
  EXPECT_EQ(renderBaseline(*back), text);
  EXPECT_EQ(back->at("b").values, rows.at("b").values);
  EXPECT_EQ(back->at("b").neapVersion, "0.2.0");
  EXPECT_EQ(back->at("a \"x\"")[Metric::Peak], 1e15);
  EXPECT_LT(text.find("\"a \\\"x\\\"\""), text.find("\"b\""));
}

TEST(Baseline, BaselineErrors) {
  auto message = [](const char *text) {
    return errorText(parseBaseline(text, "base.json"));
  };
  EXPECT_EQ(message("{}"), "base.json: schema_version: is required");
  EXPECT_EQ(message(R"({"schema_version": 2, "jobs": {}})"),
            "base.json: schema_version: expected 1, but found 2");
  EXPECT_EQ(message(R"({"schema_version": 1})"),
            "base.json: jobs: is required");
  EXPECT_EQ(message(R"({"schema_version": 1, "jobs": []})"),
            "base.json: jobs: expected an object, but found []");
  EXPECT_EQ(message(R"({"schema_version": 1, "jobs": {}, "x": 1})"),
            "base.json: x: is not a known field; known are jobs, "
            "schema_version");
  EXPECT_EQ(message(R"({"schema_version": 1, "jobs": {"j": {}}})"),
            "base.json: jobs.j.peak_bytes: is required");
  EXPECT_EQ(message(R"({"schema_version": 1, "jobs": {"j": {}, "j": {}}})"),
            "base.json: jobs.j: the key appears twice in its object");
  EXPECT_EQ(errorText(readBaseline("/nonexistent/b.json")),
            "/nonexistent/b.json: there is no such baseline; "
            "--update-baseline writes it");
}

TEST(Baseline, SurvivesMutations) {
  expectSurvivesMutations(
      renderBaseline({{"job", row(1e6, 1e5, 0.5, 64)}}),
      [](const std::string &input) { return parseBaseline(input, "m.json"); });
}

TEST(Baseline, UpdateReplacesTheWholeFile) {
  TemporaryFolder folder;
  std::string file = folder.write("b.json", renderBaseline({}));
  BaselineRows rows = {{"j", row(1, 1, 1, 1)}};
  EXPECT_FALSE(updateBaseline(file, rows));
  EXPECT_EQ(slurp(file), renderBaseline(rows));
  struct stat info;
  ASSERT_EQ(stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0644u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path), {}), 1);
}

TEST(Baseline, AnUpdateGoesThroughALink) {
  TemporaryFolder folder;
  folder.write("b.json", renderBaseline({}));
  fs::create_symlink("b.json", folder.path / "link.json");
  BaselineRows rows = {{"j", row(1, 1, 1, 1)}};
  EXPECT_FALSE(updateBaseline(folder.file("link.json"), rows));
  EXPECT_TRUE(fs::is_symlink(folder.path / "link.json"));
  EXPECT_EQ(slurp(folder.file("b.json")), renderBaseline(rows));
}

TEST(Baseline, AFailedUpdateLeavesEverythingAsItWas) {
  TemporaryFolder folder;
  // A folder in the place of the file: the rename fails after the writing.
  fs::create_directories(folder.path / "b.json" / "inside");
  auto error = updateBaseline(folder.file("b.json"), {});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->text(), folder.file("b.json") +
                               ": cannot rename into place: Is a directory");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path), {}), 1);
  EXPECT_EQ(updateBaseline("/nonexistent/b.json", {})->text(),
            "/nonexistent/b.json: cannot create: No such file or "
            "directory");
}

TEST(Baseline, PlansOfUnknownSchemasAreErrors) {
  for (auto [version, found] : {std::pair("2", "expected 1, but found 2"),
                                {"0", "expected 1, but found 0"},
                                {"\"1\"", "expected 1, but found \"1\""},
                                {"null", "is required"}}) {
    std::string text = plan("a");
    text.replace(text.find(": 1,") + 2, 1, version);
    BaselineRows rows;
    auto error = addPlanRow(text, "p.json", rows);
    ASSERT_TRUE(error) << text;
    EXPECT_EQ(error->text(), std::string("p.json: schema_version: ") + found);
  }
}

TEST(Baseline, UpdateRefusesAFileThatIsNoBaseline) {
  TemporaryFolder folder;
  for (const char *text :
       {"my notes", "{}", "[1]", R"({"schema_version": 2, "jobs": {}})"}) {
    std::string file = folder.write("b.json", text);
    auto error = updateBaseline(file, {{"j", row(1, 1, 1, 1)}});
    ASSERT_TRUE(error) << text;
    EXPECT_EQ(error->file, file);
    EXPECT_NE(error->message.find("a file that is no baseline is not "
                                  "overwritten"),
              std::string::npos);
    EXPECT_EQ(slurp(file), text);
  }
  std::string empty = folder.write("empty.json", "");
  EXPECT_FALSE(updateBaseline(empty, {}));
}

} // namespace
