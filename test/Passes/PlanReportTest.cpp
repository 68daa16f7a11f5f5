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
    info.flash.adapterBytes = 4096;
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
                                            "target_triple",
                                            "threads",
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
                                            "next_mib",
                                            "parameters",
                                            "weights"}));
  EXPECT_TRUE(json["budget"].is_null());
  EXPECT_EQ(json["inputs"].begin().key(), "model.onnx");
  EXPECT_EQ(json["programs"][0]["name"], "train_row");
  EXPECT_EQ(json["programs"][0]["steps"][3]["onnx_node"], "/layers.0/mix");
}

// A bound means nothing without its class: changing one must be meant.
TEST_F(PlanReportTest, CertificatesNameTheirClasses) {
  auto json = nlohmann::json::parse(renderPlanJson(plan(), makeInfo()));
  std::map<std::string, std::string> classes;
  for (const auto &[name, certificate] : json["certificates"].items())
    classes[name] = certificate["class"];
  std::string effects = "keeps the order of effects";
  EXPECT_EQ(
      classes,
      (std::map<std::string, std::string>{
          {"offsets", "any offsets of these buffers"},
          {"order",
           "any order of the chosen operations that keeps the forward part "
           "before the loss, the backward part after it, and the order of "
           "effects"},
          {"order_without_recomputation",
           "every operation run once, in any order that keeps the forward part "
           "before the loss, the backward part after it, and the order of "
           "effects"},
          {"peak", "any order that " + effects +
                       ", any recomputation of forward operations, at the "
                       "device's sizes of scratch"},
          {"time", "any order that " + effects +
                       ", any recomputation of forward operations, within the "
                       "budget, at the costs of the device's model"},
          {"time_nested",
           "blocks run by one of their variants, their inputs kept or made "
           "again to any depth, peaks of blocks as measured apart, within the "
           "budget"}}));
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
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 15) << text;
  EXPECT_EQ(text.find(" \n"), std::string::npos) << text;
  EXPECT_NE(text.find(" without recomputation\n"), std::string::npos) << text;
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
  info.budgetSource = "--budget";
  std::string text = renderDoesNotFit(result, info);
  EXPECT_EQ(text.find("expected a peak of at most 97.7 KiB (100000 bytes) anon "
                      "(the limit of --budget), but the smallest feasible peak "
                      "is "),
            0u)
      << text;
  size_t exact =
      text.find("(" + std::to_string(result.minPeakBytes) + " bytes) anon\n");
  size_t classes = text.find("by class there, adding up to ");
  size_t transients = text.find("  transients ");
  size_t tensors = text.find("largest tensors at the smallest feasible peak:");
  EXPECT_LT(exact, classes) << text;
  EXPECT_LT(classes, transients) << text;
  EXPECT_LT(transients, tensors) << text;
  EXPECT_EQ(std::count(text.begin() + tensors, text.end(), '\n'), 5) << text;
  EXPECT_EQ(text.find(" \n"), std::string::npos) << text;
  EXPECT_NE(text.back(), '\n');
  EXPECT_NE(text.find(" of /layers."), std::string::npos) << text;
  info.budgetSource = "profile";
  EXPECT_NE(renderDoesNotFit(result, info)
                .find("(the limit of the profile 'laptop')"),
            std::string::npos);
}

TEST_F(PlanReportTest, BlocksNameTheirSteps) {
  PlanOptions options;
  options.objective = PlanObjective::Smallest;
  PlanResult result = plan(options);
  ASSERT_FALSE(result.blocks.empty());
  int64_t end = -1;
  for (const PlannedBlockChoice &block : result.blocks) {
    EXPECT_EQ(block.program, "train_row");
    EXPECT_GE(block.firstStep, 0);
    EXPECT_LE(block.firstStep, block.lastStep);
    EXPECT_GT(block.lastStep, end);
    end = block.lastStep;
    const std::vector<PlannedStep> &steps = result.programs[0].steps;
    EXPECT_EQ(block.firstOnnxNode, steps[block.firstStep].onnxNode);
    EXPECT_EQ(block.lastOnnxNode, steps[block.lastStep].onnxNode);
  }
  EXPECT_EQ(result.blocks.front().firstStep, 0);
}

TEST_F(PlanReportTest, FlashAddsUpPerJob) {
  PlanReportInfo info = makeInfo();
  info.flash.adapterBytes = 3 << 20;
  info.flash.logBytes = 1 << 20;
  info.flash.steps = 10;
  PlanResult result = plan();
  std::string text = renderPlanSummary(result, info);
  EXPECT_NE(text.find("flash per step: read 0 B, written 0 B; per job: read "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("written at most 4.0 MiB (adapter 3.0 MiB, log 1.0 MiB)"),
            std::string::npos)
      << text;
  // A step that pages is counted as often as it runs.
  info.flash.writeBytesPerStep = 1000;
  auto json = nlohmann::ordered_json::parse(renderPlanJson(result, info));
  EXPECT_EQ(json["flash"]["write_bytes_per_job"], (4 << 20) + 10000);
  EXPECT_EQ(json["flash"]["read_bytes_per_job"], result.weightsFileBytes);
  info.flash.steps = std::nullopt;
  json = nlohmann::ordered_json::parse(renderPlanJson(result, info));
  EXPECT_TRUE(json["flash"]["steps"].is_null());
}

} // namespace
