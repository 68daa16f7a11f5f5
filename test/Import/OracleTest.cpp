// Imports the reference models and compares the loss of the first step,
// adapters included, with PyTorch's double-precision loss.
#include "test/Import/ImportTesting.h"
#include "test/Import/safetensors.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

namespace neap::test {
namespace {

nlohmann::json readJson(const std::string &path) {
  std::ifstream stream(path);
  return nlohmann::json::parse(stream);
}

struct OracleCase {
  const char *job;
  const char *model;
};

class OracleTest : public testing::TestWithParam<OracleCase> {};

TEST_P(OracleTest, LossOfTheFirstStepIsPyTorchs) {
  std::string folder = dataFolder() + "/oracle/" + GetParam().job;
  if (!exists(folder))
    GTEST_SKIP() << folder << " is absent: set NEAP_TEST_DATA";
  nlohmann::json train = readJson(folder + "/train.json");
  nlohmann::json lora = readJson(folder + "/adapter_config.json");
  nlohmann::json expected = readJson(folder + "/expected.json");
  Imported imported =
      import(folder + "/" + GetParam().model, train["max_length"]);
  ASSERT_TRUE(bool(imported.model)) << imported.model.error().text();
  if (std::getenv("NEAP_PRINT_IMPORTED"))
    llvm::outs() << print(*imported.model->module);

  Interpreter interpreter(*imported.model->module, folder);
  interpreter.adapters =
      readAdapter(folder + "/init/adapter_model.safetensors",
                  double(lora["lora_alpha"]) / double(lora["r"]));
  ASSERT_FALSE(interpreter.adapters.empty());
  for (const auto &[path, branch] : interpreter.adapters)
    EXPECT_TRUE(llvm::any_of(imported.model->modules,
                             [&, &path = path](const ModuleInfo &info) {
                               return info.path == path;
                             }))
        << "no linear layer is called " << path;

  auto tokens = readSafetensors(folder + "/tokens.safetensors");
  LossSum total;
  int64_t rows = int64_t(train["per_device_train_batch_size"]) *
                 int64_t(train["gradient_accumulation_steps"]);
  for (int64_t row = 0; row < rows; ++row) {
    Matrix logits = interpreter.run("forward", tokens["input_ids"].row(row));
    LossSum loss = causalLoss(logits, tokens["labels"].row(row));
    total.sum += loss.sum;
    total.count += loss.count;
  }
  // PyTorch's rotary table is f32 in either run, so only its rounding differs.
  EXPECT_NEAR(total.sum / double(total.count), double(expected["loss_fp64"][0]),
              2e-7);
}

INSTANTIATE_TEST_SUITE_P(Jobs, OracleTest,
                         testing::ValuesIn(std::vector<OracleCase>{
                             {"llama-tiny.all", "model.onnx"},
                             {"llama-tiny.all", "model.nofold.onnx"},
                             {"llama-tiny.all-b", "model.onnx"},
                             {"llama-tiny.all-b", "model.nofold.onnx"},
                             {"llama-tiny.qv", "model.onnx"},
                             {"llama-tiny.qv", "model.nofold.onnx"},
                             {"llama-tiny.all-accum", "model.onnx"},
                             {"llama-tiny.all-accum", "model.nofold.onnx"},
                             {"llama-long.all-long", "model.onnx"},
                             {"llama-long.all-long", "model.nofold.onnx"},
                             {"qwen2-tiny.all", "model.onnx"},
                             {"qwen2-tiny.all", "model.nofold.onnx"},
                             {"qwen2-tiny.all-b", "model.onnx"},
                             {"qwen2-tiny.all-b", "model.nofold.onnx"},
                             {"qwen2-tiny.qv", "model.onnx"},
                             {"qwen2-tiny.qv", "model.nofold.onnx"},
                             {"qwen2-tiny.qv-accum", "model.onnx"},
                             {"qwen2-tiny.qv-accum", "model.nofold.onnx"},
                             {"gpt2-tiny.gpt2_all-b", "model.onnx"},
                             {"gpt2-tiny.gpt2_all-b", "model.nofold.onnx"},
                             {"gpt2-tiny.gpt2_c_attn", "model.onnx"},
                             {"gpt2-tiny.gpt2_c_attn", "model.nofold.onnx"}}),
                         [](const testing::TestParamInfo<OracleCase> &info) {
                           std::string name = std::string(info.param.job) +
                                              "_" + info.param.model;
                           for (char &c : name)
                             c = std::isalnum(c) ? c : '_';
                           return name;
                         });

} // namespace
} // namespace neap::test
