// Imports the committed models, one per style of exporter, and compares their
// logits with those computed from the formulas (fixtures/reference.py).
#include "dialects/Graph/ModulePath.h"
#include "test/Import/ImportTesting.h"
#include "test/Interpret/Interpreter.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

namespace neap::test {
namespace {

const std::string kFixtures = NEAP_IMPORT_FIXTURES;

nlohmann::json expectations() {
  std::ifstream stream(kFixtures + "/expected.json");
  return nlohmann::json::parse(stream);
}

struct Fixture {
  const char *name;
  int64_t maxTokens;
  std::vector<std::string> modules;
  bool tied;
};

void PrintTo(const Fixture &fixture, std::ostream *stream) {
  *stream << fixture.name;
}

class FixtureTest : public testing::TestWithParam<Fixture> {};

TEST_P(FixtureTest, LogitsAreThoseOfTheFormulas) {
  nlohmann::json expected = expectations();
  Imported imported =
      import(kFixtures + "/" + GetParam().name + ".onnx", GetParam().maxTokens);
  ASSERT_TRUE(bool(imported.model)) << imported.model.error().text();
  Interpreter interpreter(*imported.model->module, kFixtures);
  std::vector<int32_t> ids = expected["input_ids"];
  Matrix logits = interpreter.run("forward", ids);
  const nlohmann::json &rows = expected["logits"][GetParam().name];
  ASSERT_EQ(logits.rows, int64_t(rows.size()));
  ASSERT_EQ(logits.columns, int64_t(rows[0].size()));
  // Constants such as sqrt(2 / pi) are stored as f32.
  for (int64_t t = 0; t < logits.rows; ++t)
    for (int64_t n = 0; n < logits.columns; ++n)
      EXPECT_NEAR(logits.at(t, n), double(rows[t][n]), 2e-6)
          << "at " << t << ", " << n;
}

TEST_P(FixtureTest, ModulesHaveTheirPaths) {
  Imported imported =
      import(kFixtures + "/" + GetParam().name + ".onnx", GetParam().maxTokens);
  ASSERT_TRUE(bool(imported.model)) << imported.model.error().text();
  std::vector<std::string> paths;
  for (const ModuleInfo &info : imported.model->modules) {
    paths.push_back(info.path);
    EXPECT_EQ(getModulePath(info.op), info.path);
    EXPECT_EQ(info.isOutputEmbedding, &info == &imported.model->modules.back());
  }
  EXPECT_EQ(paths, GetParam().modules);
  EXPECT_EQ(imported.model->modules.back().outFeatures,
            imported.model->vocabulary);
}

TEST_P(FixtureTest, TiedWeightsAreDeclaredOnce) {
  Imported imported =
      import(kFixtures + "/" + GetParam().name + ".onnx", GetParam().maxTokens);
  ASSERT_TRUE(bool(imported.model)) << imported.model.error().text();
  llvm::StringRef table;
  imported.model->module->walk([&](graph::EmbeddingOp op) {
    table = op.getTable().getDefiningOp<graph::WeightOp>().getDecl();
  });
  graph::LinearOp head = imported.model->modules.back().op;
  bool tied =
      head.getWeight().getDefiningOp<graph::WeightOp>().getDecl() == table;
  EXPECT_EQ(tied, GetParam().tied);
}

TEST_P(FixtureTest, InspectionListsTheSameModules) {
  InputOr<ModelSummary> summary =
      inspectModel(kFixtures + "/" + GetParam().name + ".onnx");
  ASSERT_TRUE(bool(summary)) << summary.error().text();
  EXPECT_EQ(summary->problem, "");
  EXPECT_TRUE(summary->unsupported.empty());
  EXPECT_EQ(summary->producer, "neap-fixtures");
  EXPECT_EQ(summary->modules.size(), GetParam().modules.size());
  EXPECT_GT(summary->parameters, 500);
}

std::vector<std::string> projections(const std::string &scope,
                                     std::vector<std::string> names) {
  for (std::string &name : names)
    name = name == "lm_head" ? name : scope + name;
  return names;
}

INSTANTIATE_TEST_SUITE_P(
    Styles, FixtureTest,
    testing::Values(
        Fixture{"opset11-past",
                16,
                {"h.0.attn.c_attn", "h.0.attn.c_proj", "h.0.mlp.c_fc",
                 "h.0.mlp.c_proj", "1143"},
                true},
        Fixture{"opset13-partial", 16,
                projections("model.layers.0.",
                            {"self_attn.q_proj", "self_attn.k_proj",
                             "self_attn.v_proj", "self_attn.dense", "mlp.fc1",
                             "mlp.fc2", "lm_head"}),
                false},
        Fixture{"opset13-external", 16,
                projections("model.layers.0.",
                            {"self_attn.q_proj", "self_attn.k_proj",
                             "self_attn.v_proj", "self_attn.dense", "mlp.fc1",
                             "mlp.fc2", "lm_head"}),
                true},
        Fixture{"opset14-interleaved", 16,
                projections("transformer.h.0.",
                            {"attn.q_proj", "attn.k_proj", "attn.v_proj",
                             "attn.out_proj", "mlp.w1", "mlp.w3", "mlp.w2",
                             "lm_head"}),
                true},
        Fixture{"opset17-static", 8,
                projections("model.layers.0.",
                            {"self_attn.q_proj", "self_attn.k_proj",
                             "self_attn.v_proj", "self_attn.o_proj", "mlp.fc1",
                             "mlp.fc2", "lm_head"}),
                true},
        Fixture{"opset18-script", 16,
                projections("model.layers.0.",
                            {"self_attn.qkv_proj", "self_attn.o_proj",
                             "mlp.gate_up_proj", "mlp.down_proj", "lm_head"}),
                false},
        Fixture{"opset17-half", 16,
                projections("model.layers.0.",
                            {"self_attn.q_proj", "self_attn.k_proj",
                             "self_attn.v_proj", "self_attn.o_proj",
                             "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
                             "lm_head"}),
                true}),
    [](const testing::TestParamInfo<Fixture> &info) {
      std::string name = info.param.name;
      std::replace(name.begin(), name.end(), '-', '_');
      return name;
    });

/// Distinct operations of the function, to tell how idioms were raised.
std::map<std::string, int> countOperations(ImportedModel &model) {
  std::map<std::string, int> counts;
  model.module->walk([&](mlir::Operation *op) {
    ++counts[op->getName().getStringRef().str()];
  });
  return counts;
}

TEST(RaisedForm, LayersShareOneRopeTable) {
  Imported imported = import(kFixtures + "/opset18-script.onnx", 16);
  ASSERT_TRUE(bool(imported.model));
  auto counts = countOperations(*imported.model);
  EXPECT_EQ(counts["graph.rope_table"], 1);
  EXPECT_EQ(counts["graph.rope"], 2);
  EXPECT_EQ(counts["graph.glu"], 1);
  EXPECT_EQ(counts["graph.activation"], 0);    // absorbed by the gate
  EXPECT_EQ(counts["graph.slice_columns"], 5); // q, k, v, gate, up
  EXPECT_EQ(counts["graph.scale"], 0);         // absorbed by attention
}

TEST(RaisedForm, FoldedTablesBecomeWeights) {
  Imported imported = import(kFixtures + "/opset17-static.onnx", 8);
  ASSERT_TRUE(bool(imported.model));
  auto counts = countOperations(*imported.model);
  EXPECT_EQ(counts["graph.rope_table"], 0);
  EXPECT_EQ(counts["graph.position_embedding"], 1);
}

TEST(RaisedForm, HalfPrecisionWeightsStayHalf) {
  Imported imported = import(kFixtures + "/opset17-half.onnx", 16);
  ASSERT_TRUE(bool(imported.model));
  for (ModuleInfo &info : imported.model->modules)
    EXPECT_TRUE(llvm::cast<graph::WeightType>(info.op.getWeight().getType())
                    .getElementType()
                    .isF16());
}

TEST(RaisedForm, EveryOperationNamesItsNode) {
  Imported imported = import(kFixtures + "/opset13-partial.onnx", 16);
  ASSERT_TRUE(bool(imported.model));
  imported.model->module->walk([](mlir::Operation *op) {
    auto location = llvm::dyn_cast<mlir::NameLoc>(op->getLoc());
    EXPECT_TRUE(location && !location.getName().empty());
  });
}

TEST(RaisedForm, InspectionCountsTiedWeightsOnce) {
  InputOr<ModelSummary> summary =
      inspectModel(kFixtures + "/opset17-static.onnx");
  ASSERT_TRUE(bool(summary));
  // embedding 12 x 8, four 8 x 8 projections, two 12 x 8 layers, three norms
  EXPECT_EQ(summary->parameters, 12 * 8 + 4 * 64 + 2 * 96 + 3 * 16);
  EXPECT_EQ(summary->parameterBytes, 4 * summary->parameters);
}

TEST(RaisedForm, ImportIsDeterministic) {
  Imported first = import(kFixtures + "/opset13-partial.onnx", 16);
  Imported second = import(kFixtures + "/opset13-partial.onnx", 16);
  ASSERT_TRUE(bool(first.model) && bool(second.model));
  EXPECT_EQ(print(*first.model->module), print(*second.model->module));
}

} // namespace
} // namespace neap::test
