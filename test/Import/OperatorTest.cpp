// The evaluator against ONNX's own operator vectors, and the layouts.
#include "compiler/Import/Layout.h"
#include "compiler/Import/OnnxReader.h"
#include "compiler/Import/Session.h"
#include "compiler/Import/TensorReader.h"
#include "test/Import/ImportTesting.h"

#include <cmath>
#include <dirent.h>

namespace neap::test {
namespace {

using namespace onnx;

/// A TensorProto file as an array; nothing if it is of another kind.
std::optional<Array> readTensor(const std::string &path) {
  auto mapping = MappedFile::open(path);
  if (!mapping)
    return std::nullopt;
  Model model;
  Tensor tensor;
  TensorReader reader(model, *mapping, false);
  if (!reader.read((*mapping)->bytes(), tensor) ||
      elementBytes(tensor.type) == 0)
    return std::nullopt;
  return decodeArray(tensor.type, tensor.shape, tensor.data());
}

bool near(const Array &a, const Array &b) {
  if (a.shape != b.shape || a.isFloat() != b.isFloat())
    return false;
  double relative =
      b.type == ElementType::Float16 || b.type == ElementType::BFloat16 ? 1e-2
                                                                        : 1e-4;
  for (int64_t i = 0; i < a.size(); ++i) {
    double x = a.at(i), y = b.at(i);
    if (x != y && !(std::isnan(x) && std::isnan(y)) &&
        !(std::fabs(x - y) <= 1e-6 + relative * std::fabs(y)))
      return false;
  }
  return true;
}

/// Runs one published test; nothing if an operator or a type of it is not ours.
std::optional<bool> runVector(const std::string &folder) {
  auto model = readModel(folder + "/model.onnx", false);
  if (!model)
    return std::nullopt;
  auto index = GraphIndex::build(*model);
  if (!index)
    return std::nullopt;
  for (const NodeEntry &entry : index->nodes())
    if (!findOperator(*entry.node))
      return std::nullopt;
  std::map<ValueId, Array> inputs;
  for (size_t i = 0; i < model->graph.inputs.size(); ++i) {
    auto array = readTensor(folder + "/test_data_set_0/input_" +
                            std::to_string(i) + ".pb");
    if (!array)
      return std::nullopt;
    inputs.emplace(index->find(model->graph.inputs[i].name), std::move(*array));
  }
  Session session(*index, std::move(inputs));
  for (size_t i = 0; i < model->graph.outputs.size(); ++i) {
    auto expected = readTensor(folder + "/test_data_set_0/output_" +
                               std::to_string(i) + ".pb");
    const Array *found =
        expected ? session.elements(index->find(model->graph.outputs[i].name))
                 : nullptr;
    // A form that the evaluator refuses is no wrong answer.
    if (!found)
      return std::nullopt;
    if (!near(*found, *expected))
      return false;
  }
  return true;
}

TEST(Evaluator, AgreesWithOnnxOnEveryVectorThatItTakes) {
  std::string root = dataFolder() + "/onnx-node-tests";
  DIR *folder = opendir(root.c_str());
  if (!folder)
    GTEST_SKIP() << root << " is absent: set NEAP_TEST_DATA";
  int agreed = 0;
  while (dirent *entry = readdir(folder)) {
    std::string name = entry->d_name;
    std::optional<bool> result =
        name[0] == '.' ? std::nullopt : runVector(root + "/" + name);
    EXPECT_TRUE(result.value_or(true)) << name;
    agreed += result.value_or(false);
  }
  closedir(folder);
  RecordProperty("agreed", agreed);
  EXPECT_GE(agreed, 200);
}

TEST(Rounding, IsToNearestEven) {
  EXPECT_EQ(roundTo(ElementType::Float16, 1 + 1.0 / 2048), 1.0);
  EXPECT_EQ(roundTo(ElementType::Float16, 1 + 3.0 / 2048), 1 + 2.0 / 1024);
  EXPECT_EQ(roundTo(ElementType::Float16, 65519), 65504);
  EXPECT_EQ(roundTo(ElementType::Float16, 65520), INFINITY);
  EXPECT_EQ(roundTo(ElementType::Float16, std::ldexp(1.0, -24)),
            std::ldexp(1.0, -24));
  EXPECT_EQ(roundTo(ElementType::Float16, std::ldexp(1.0, -26)), 0);
  EXPECT_EQ(roundTo(ElementType::BFloat16, 1 + 1.0 / 256), 1.0);
  EXPECT_EQ(roundTo(ElementType::Float, 16777217), 16777216);
}

Layout rows(int64_t tokens, int64_t columns) {
  return {
      {{}, {{AtomKind::Token, tokens, 1}}, {{AtomKind::Column, columns, 1}}},
      0};
}

TEST(LayoutTest, HeadsSplitAndJoinAgain) {
  Layout heads = rows(5, 64).reshaped({1, 5, 4, 16})->transposed({0, 2, 1, 3});
  EXPECT_EQ(heads.shape(), (std::vector<int64_t>{1, 4, 5, 16}));
  Layout joined = *heads.transposed({0, 2, 1, 3}).reshaped({1, 5, 64});
  EXPECT_EQ(joined.axes, rows(5, 64).axes);
  EXPECT_EQ(joined.rebased().axes, rows(5, 64).axes);
}

TEST(LayoutTest, ColumnsFollowTheAxes) {
  // [1, 5, heads 2, part 3, size 2]: the middle part of each head.
  Layout packed = *rows(5, 12).reshaped({1, 5, 2, 3, 2});
  Layout middle = *packed.sliced(3, 1, 1, 1);
  EXPECT_EQ(*middle.columns(), (std::vector<int64_t>{2, 3, 8, 9}));
  Layout even = *rows(5, 6).sliced(2, 0, 2, 3);
  EXPECT_EQ(*even.columns(), (std::vector<int64_t>{0, 2, 4}));
}

TEST(LayoutTest, RepeatedColumnsHaveNoOrder) {
  Layout expanded =
      *rows(5, 8).reshaped({1, 5, 2, 1, 4})->expanded({1, 5, 2, 3, 4});
  EXPECT_EQ(expanded.shape(), (std::vector<int64_t>{1, 5, 2, 3, 4}));
  EXPECT_FALSE(expanded.columns().has_value());
}

TEST(LayoutTest, TokensAndColumnsDoNotMix) {
  EXPECT_FALSE(rows(5, 4).reshaped({2, 10}).has_value());
  EXPECT_FALSE(rows(5, 4).sliced(1, 0, 1, 3).has_value());
  EXPECT_TRUE(rows(6, 4).reshaped({2, 12}).has_value()); // tokens 0-2 and 3-5
}

} // namespace
} // namespace neap::test
