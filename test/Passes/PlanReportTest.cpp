// plan.json against the independent verifier, and the texts for people.
#include "PlanTesting.h"

#include "compiler/Report/PlanJson.h"
#include "passes/Plan/PlanModule.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace mlir;
using namespace neap;
using namespace neap::test;

namespace {

class PlanReportTest : public PlanTest {
protected:
  PlanResult plan(const PlanOptions &options = {}) {
    OwningOpRef<ModuleOp> module = parse(toyJob(256, 6));
    FailureOr<PlanResult> result = planModule(*module, options);
    EXPECT_TRUE(succeeded(result)) << messages;
    return *result;
  }

  static PlanReportInfo makeInfo() {
    PlanReportInfo info;
    info.neapVersion = "0.1.0";
    info.job = "toy";
    info.device = "laptop";
    info.inputHashes = {{"model.onnx", "00"}, {"adapter_config.json", "11"}};
    info.objective = "fastest";
    return info;
  }
};

TEST_F(PlanReportTest, AgreesWithTheIndependentVerifier) {
  PlanResult keeping = plan();
  PlanReportInfo info = makeInfo();
  for (MemoryMeasure measure :
       {MemoryMeasure::Anon, MemoryMeasure::Rss, MemoryMeasure::Cgroup})
    for (bool smallest : {false, true}) {
      PlanOptions options;
      options.measure = measure;
      if (smallest)
        options.objective = PlanObjective::Smallest;
      info.budgetKind = getMeasureName(measure);
      info.budgetBytes = int64_t{1} << 30;
      std::string path = ::testing::TempDir() + "neap-plan-report-" +
                         info.budgetKind + ".json";
      std::ofstream(path) << renderPlanJson(plan(options), info);
      std::string command = "python3 " NEAP_VERIFY_PLAN " " + path;
      EXPECT_EQ(std::system(command.c_str()), 0) << path;
    }
}

TEST_F(PlanReportTest, KeysKeepTheirOrder) {
  auto json = nlohmann::ordered_json::parse(renderPlanJson(plan(), makeInfo()));
  std::vector<std::string> keys;
  for (auto &[key, value] : json.items())
    keys.push_back(key);
  EXPECT_EQ(keys, (std::vector<std::string>{"schema_version",
                                            "neap_version",
                                            "job",
                                            "inputs",
                                            "device",
                                            "budget",
                                            "objective",
                                            "peak",
                                            "min_peak_bytes",
                                            "floor_bytes",
                                            "max_live_bytes",
                                            "arena_bytes",
                                            "gaps",
                                            "certificates",
                                            "programs",
                                            "buffers",
                                            "live_bytes",
                                            "tensors_at_peak",
                                            "blocks",
                                            "flops_per_step",
                                            "recomputed_flops",
                                            "flash",
                                            "seconds_per_step",
                                            "parameters",
                                            "weights"}));
  EXPECT_TRUE(json["budget"].is_null());
  EXPECT_EQ(json["inputs"].begin().key(), "model.onnx");
  EXPECT_EQ(json["programs"][0]["name"], "train_row");
  EXPECT_EQ(json["programs"][0]["steps"][3]["onnx_node"], "/layers.0/mix");
}

TEST_F(PlanReportTest, SavedAndTransientAreToldApart) {
  PlanResult result = plan();
  int64_t saved = 0;
  for (const PlannedBuffer &buffer : result.buffers)
    if (buffer.memoryClass == MemoryClass::SavedActivations)
      ++saved;
  // a, b, c and x of each of 6 blocks, and the table.
  EXPECT_EQ(saved, 4 * 6 + 1);
}

TEST_F(PlanReportTest, SummaryIsShort) {
  PlanReportInfo info = makeInfo();
  info.budgetKind = "anon";
  info.budgetBytes = int64_t{1} << 30;
  std::string text = renderPlanSummary(plan(), info);
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 16) << text;
  EXPECT_NE(text.find("of 1.00 GiB, headroom"), std::string::npos) << text;
  EXPECT_NE(text.find("saved_activations"), std::string::npos) << text;
}

TEST_F(PlanReportTest, NamesWhatDoesNotFit) {
  PlanOptions options;
  options.budgetBytes = 100000;
  PlanResult result = plan(options);
  ASSERT_FALSE(result.fits);
  PlanReportInfo info = makeInfo();
  info.budgetBytes = options.budgetBytes;
  info.budgetKind = "anon";
  std::string text = renderDoesNotFit(result, info);
  EXPECT_NE(text.find("expected a peak of at most 100000 bytes anon, but found "
                      "at least " +
                      std::to_string(result.minPeakBytes)),
            std::string::npos)
      << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 + 5) << text;
  EXPECT_NE(text.find(" of /layers."), std::string::npos) << text;
}

} // namespace
