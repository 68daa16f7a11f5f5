// What import refuses, and how it says so. Most cases are a committed model
// with a few bytes patched.
#include "test/Import/ImportTesting.h"

#include "compiler/Import/GraphIndex.h"
#include "compiler/Import/OnnxReader.h"

#include <fcntl.h>
#include <fstream>
#include <unistd.h>

namespace neap::test {
namespace {

const std::string kFixtures = NEAP_IMPORT_FIXTURES;

std::string readFile(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void writeFile(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// A folder of the test's own, removed with everything in it.
class Scratch {
public:
  Scratch() {
    std::string pattern = testing::TempDir() + "neap-import-XXXXXX";
    folder = mkdtemp(pattern.data());
  }
  ~Scratch() { EXPECT_EQ(std::system(("rm -r '" + folder + "'").c_str()), 0); }
  std::string path(const std::string &name) const {
    return folder + "/" + name;
  }

private:
  std::string folder;
};

template <typename T> std::string bytesOf(T value) {
  return {reinterpret_cast<const char *>(&value), sizeof value};
}

/// Replaces every occurrence of bytes by as many others; at least one.
std::string patched(std::string file, const std::string &from,
                    const std::string &to) {
  EXPECT_EQ(from.size(), to.size());
  EXPECT_NE(file.find(from), std::string::npos);
  for (size_t at = 0; (at = file.find(from, at)) != std::string::npos;
       at += to.size())
    file.replace(at, from.size(), to);
  return file;
}

std::string errorOf(const std::string &path, int64_t maxTokens,
                    bool shapesOnly = false) {
  Imported imported = import(path, maxTokens, shapesOnly);
  return imported.model ? "no error" : imported.model.error().text();
}

std::string errorOfPatched(const char *fixture, const std::string &from,
                           const std::string &to, int64_t maxTokens = 16) {
  Scratch scratch;
  std::string path = scratch.path("model.onnx");
  writeFile(path,
            patched(readFile(kFixtures + "/" + fixture + ".onnx"), from, to));
  return errorOf(path, maxTokens);
}

testing::AssertionResult contains(const std::string &text,
                                  const std::string &part) {
  if (text.find(part) != std::string::npos)
    return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << "expected '" << part << "' in '" << text << "'";
}

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7)
    bytes += static_cast<char>((value & 0x7f) | 0x80);
  return bytes + static_cast<char>(value);
}

std::string field(int number, const std::string &bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + bytes;
}

std::string field(int number, uint64_t value) {
  return varint(number << 3) + varint(value);
}

TEST(Refusal, RowsLongerThanTheTableOfPositions) {
  EXPECT_EQ(errorOf(kFixtures + "/opset11-past.onnx", 16), "no error");
  std::string error = errorOf(kFixtures + "/opset11-past.onnx", 17);
  EXPECT_TRUE(contains(error, "opset11-past.onnx: Gather_"));
  EXPECT_TRUE(contains(
      error, "rows of 17 tokens are longer than the model's 16 positions"));
}

TEST(Refusal, RowsLongerThanAFixedExport) {
  EXPECT_TRUE(contains(errorOf(kFixtures + "/opset17-static.onnx", 9),
                       "input_ids: rows of 9 tokens are longer than the "
                       "model's fixed 8 positions"));
}

TEST(Refusal, NamesThatAreNoText) {
  const std::string tail = " in UTF-8 without control characters, but found ";
  auto error = [](const std::string &from, const std::string &to) {
    return errorOfPatched("opset14-interleaved", from, to, 8);
  };
  EXPECT_TRUE(contains(error("/Shape_1", "/Shape\x1b"
                                         "1"),
                       "model.onnx: expected the name of a node" + tail +
                           "'/Shape\\x1b1'"));
  EXPECT_TRUE(contains(error("input_ids", std::string("input\0ids", 9)),
                       "the name of an input" + tail + "'input\\x00ids'"));
  EXPECT_TRUE(contains(error("\x22\x09Unsqueeze", "\x22\x09Unsqueez\xff"),
                       "expected an operator type" + tail));
  EXPECT_TRUE(contains(error("_output", "\noutput"),
                       ": expected the name of an output" + tail));
}

TEST(Refusal, InputsAndOutputsWhoseNamesAreNoText) {
  Scratch scratch;
  auto error = [&](int graphField, const std::string &info) {
    std::string path = scratch.path("model.onnx");
    writeFile(path, field(7, field(graphField, info)) +
                        field(8, field(2, uint64_t(17))));
    auto model = onnx::readModel(path, false);
    return model ? "no error" : model.error().text();
  };
  for (int graphField : {11, 12})
    EXPECT_TRUE(contains(error(graphField, field(1, "a\tb")),
                         "model.onnx: expected the name of a graph's input or "
                         "output in UTF-8 without control characters, but "
                         "found 'a\\x09b'"));
  std::string dimension = field(2, field(1, field(2, "\xc2\x9b")));
  EXPECT_TRUE(
      contains(error(11, field(1, "x") + field(2, field(1, dimension))),
               "model.onnx: x: expected the name of a dimension in UTF-8"));
}

onnx::Node makeNode(const std::string &name, const std::string &input,
                    const std::string &output) {
  onnx::Node node;
  node.name = name;
  node.opType = "Neg";
  node.inputs = {input};
  node.outputs = {output};
  return node;
}

/// The error of a graph with input `x`, output `y` and these nodes.
std::string errorOfGraph(std::vector<onnx::Node> nodes) {
  onnx::Model model;
  model.path = "m.onnx";
  model.graph.inputs.emplace_back().name = "x";
  model.graph.outputs.emplace_back().name = "y";
  model.graph.nodes = std::move(nodes);
  InputOr<onnx::GraphIndex> index = onnx::GraphIndex::build(model);
  return index ? "no error" : index.error().text();
}

TEST(Refusal, GraphsThatAreNoGraphs) {
  // Any order of the nodes is one.
  EXPECT_EQ(errorOfGraph({makeNode("/b", "a", "y"), makeNode("/a", "x", "a")}),
            "no error");
  EXPECT_EQ(errorOfGraph({makeNode("/a", "x", "y"), makeNode("/b", "x", "y")}),
            "m.onnx: /b: value 'y' is defined twice");
  EXPECT_EQ(errorOfGraph({makeNode("/a", "x", "x"), makeNode("/b", "x", "y")}),
            "m.onnx: /a: value 'x' is defined twice");
  EXPECT_EQ(errorOfGraph({makeNode("/a", "b", "a"), makeNode("/b", "a", "b"),
                          makeNode("/c", "x", "y")}),
            "m.onnx: /a: the node depends on itself");
  EXPECT_EQ(errorOfGraph({makeNode("/a", "y", "y")}),
            "m.onnx: /a: the node depends on itself");
}

TEST(Refusal, AllUnsupportedOperatorsInOneMessage) {
  std::string error = errorOfPatched("opset18-script", "Sqrt", "Sqrs");
  EXPECT_TRUE(contains(error, "3 nodes have operators that are not supported"));
  EXPECT_TRUE(contains(error, "\n  Sqrs at 'Sqrs '"));
}

TEST(Refusal, InspectionCountsUnsupportedOperators) {
  Scratch scratch;
  std::string path = scratch.path("model.onnx");
  writeFile(path, patched(readFile(kFixtures + "/opset18-script.onnx"), "Sqrt",
                          "Sqrs"));
  InputOr<ModelSummary> summary = inspectModel(path);
  ASSERT_TRUE(bool(summary));
  ASSERT_EQ(summary->unsupported.size(), 1u);
  EXPECT_TRUE(contains(summary->unsupported[0], "Sqrs (3, first at 'Sqrs '"));
  EXPECT_NE(summary->problem, "");
}

TEST(Refusal, MaskThatShowsTheFuture) {
  std::string lowest = bytesOf(-3.4028234663852886e38f);
  std::string error =
      errorOfPatched("opset14-interleaved", lowest, bytesOf(0.0f));
  EXPECT_TRUE(contains(error, "Softmax"));
  EXPECT_TRUE(contains(error, "a token sees later ones"));
}

TEST(Refusal, MaskWithABiasOnThePast) {
  std::string one = bytesOf(int64_t(1)), two = bytesOf(int64_t(2));
  // Trilu from the second diagonal on: the next token stays visible.
  Scratch scratch;
  std::string file = readFile(kFixtures + "/opset14-interleaved.onnx");
  size_t trilu = file.find("Trilu"), diagonal = file.rfind(one, trilu);
  ASSERT_NE(diagonal, std::string::npos);
  file.replace(diagonal, one.size(), two);
  writeFile(scratch.path("model.onnx"), file);
  EXPECT_TRUE(contains(errorOf(scratch.path("model.onnx"), 16),
                       "a token sees later ones"));
}

constexpr int64_t kWindow = 123456789; // graphs.py

TEST(Refusal, WindowShorterThanTheRow) {
  std::string error =
      errorOfPatched("opset13-partial", bytesOf(kWindow), bytesOf(int64_t(9)));
  EXPECT_TRUE(
      contains(error, "the mask is causal for 5 tokens, but not for 16"));
}

TEST(Refusal, WindowBeyondTheEvaluatedLength) {
  auto error = [](int64_t window) {
    return errorOfPatched("opset13-partial", bytesOf(kWindow), bytesOf(window),
                          4096);
  };
  EXPECT_TRUE(contains(
      error(3000), "the mask depends on the length 3000, which is shorter than "
                   "the longest row of 4096 tokens"));
  EXPECT_EQ(error(5000), "no error");
}

TEST(Refusal, FunctionsThatAreNoKnownActivation) {
  std::string error =
      errorOfPatched("opset17-half", bytesOf(0.044715f), bytesOf(0.04f));
  EXPECT_TRUE(contains(error, "no supported idiom ends in this Tanh")) << error;
}

TEST(Refusal, NormsThatAreNone) {
  // x^3 instead of x^2 under the root.
  std::string error =
      errorOfPatched("opset17-half", bytesOf(2.0f), bytesOf(3.0f));
  EXPECT_NE(error, "no error");
}

TEST(Refusal, RotationsThatAreNone) {
  // a cos + b sin beside b cos + a sin: a hyperbolic turn.
  std::string error = errorOfPatched("opset14-interleaved", "\x22\x03Sub",
                                     "\x22\x03"
                                     "Add");
  EXPECT_NE(error, "no error");
}

TEST(Refusal, RowsOfOneToken) {
  EXPECT_TRUE(contains(errorOf(kFixtures + "/opset14-interleaved.onnx", 1),
                       "expected rows of at least 2 tokens, but found 1"));
}

TEST(Refusal, FilesThatAreNotThere) {
  EXPECT_TRUE(contains(errorOf("/nowhere/model.onnx", 8),
                       "/nowhere/model.onnx: cannot open"));
  EXPECT_TRUE(contains(errorOf(kFixtures, 8), "expected a regular file"));
  EXPECT_TRUE(contains(errorOf("/dev/null", 8), "expected a regular file"));
}

TEST(Refusal, FilesThatAreNoModel) {
  Scratch scratch;
  writeFile(scratch.path("empty.onnx"), "");
  EXPECT_TRUE(
      contains(errorOf(scratch.path("empty.onnx"), 8), "it holds no graph"));
  writeFile(scratch.path("text.onnx"),
            "this is not a model, nor was it ever\n");
  EXPECT_TRUE(
      contains(errorOf(scratch.path("text.onnx"), 8), "not an ONNX file"));
}

TEST(HostileInput, EveryTruncationIsAnError) {
  Scratch scratch;
  std::string path = scratch.path("model.onnx");
  std::string file = readFile(kFixtures + "/opset17-static.onnx");
  for (size_t size = 0; size < file.size(); size += 29) {
    writeFile(path, file.substr(0, size));
    EXPECT_NE(errorOf(path, 8), "no error") << "cut to " << size << " bytes";
  }
}

TEST(HostileInput, FlippedBytesNeverCrash) {
  Scratch scratch;
  std::string path = scratch.path("model.onnx");
  uint64_t state = 1;
  auto random = [&](size_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 33) % limit;
  };
  for (const char *fixture :
       {"opset11-past", "opset17-static", "opset18-script"}) {
    std::string original = readFile(kFixtures + "/" + fixture + ".onnx");
    for (int round = 0; round < 200; ++round) {
      std::string file = original;
      for (size_t flips = 1 + random(4); flips > 0; --flips)
        file[random(file.size())] ^= static_cast<char>(1 << random(8));
      writeFile(path, file);
      errorOf(path, 8); // any answer will do
    }
  }
}

//===----------------------------------------------------------------------===//
// External data
//===----------------------------------------------------------------------===//

/// A model of one f32[4] initializer whose data lie in another file.
std::string externalModel(const std::string &location,
                          const std::string &offset = "0",
                          const std::string &length = "16") {
  auto entry = [](const std::string &key, const std::string &value) {
    return field(13, field(1, key) + field(2, value));
  };
  std::string tensor = field(1, uint64_t(4)) + field(2, uint64_t(1)) +
                       field(8, "w") + entry("location", location) +
                       entry("offset", offset) + entry("length", length) +
                       field(14, uint64_t(1));
  return field(1, uint64_t(8)) + field(7, field(5, tensor)) +
         field(8, field(1, "") + field(2, uint64_t(17)));
}

class ExternalData : public testing::Test {
protected:
  std::string read(const std::string &model, bool allowAbsent = false) {
    mkdir(scratch.path("model").c_str(), 0755);
    writeFile(scratch.path("model/model.onnx"), model);
    auto result =
        onnx::readModel(scratch.path("model/model.onnx"), allowAbsent);
    return result ? "no error" : result.error().text();
  }
  Scratch scratch;
};

TEST_F(ExternalData, InsideTheFolderIsRead) {
  mkdir(scratch.path("model").c_str(), 0755);
  mkdir(scratch.path("model/data").c_str(), 0755);
  writeFile(scratch.path("model/data/w.bin"), std::string(20, 'x'));
  EXPECT_EQ(read(externalModel("data/w.bin", "4")), "no error");
  EXPECT_EQ(read(externalModel("./data//w.bin", "4")), "no error");
}

TEST_F(ExternalData, OutsideTheFolderIsRefused) {
  writeFile(scratch.path("secret"), std::string(16, 'x'));
  for (const std::string &location :
       {std::string("../secret"), scratch.path("secret"),
        std::string("data/../../secret"), std::string(""),
        std::string("..\\secret")})
    EXPECT_TRUE(contains(read(externalModel(location)),
                         "expected a relative path inside the model's folder"))
        << location;
}

TEST_F(ExternalData, NamesThatAreNoText) {
  const std::string found =
      "tensor 'w': expected the location of external data in UTF-8 without "
      "control characters, but found ";
  EXPECT_TRUE(contains(read(externalModel(std::string("secret\0.bin", 11))),
                       found + "'secret\\x00.bin'"));
  EXPECT_TRUE(
      contains(read(externalModel("w\n\xff")), found + "'w\\x0a\\xff'"));
  std::string tensor = externalModel("w");
  EXPECT_TRUE(contains(read(patched(tensor, "\x42\x01w", "\x42\x01\x07")),
                       "tensor '\\x07': expected a name in UTF-8"));
}

TEST_F(ExternalData, LinksAreRefused) {
  mkdir(scratch.path("model").c_str(), 0755);
  writeFile(scratch.path("secret"), std::string(16, 'x'));
  ASSERT_EQ(symlink("../secret", scratch.path("model/soft").c_str()), 0);
  ASSERT_EQ(symlink("..", scratch.path("model/up").c_str()), 0);
  ASSERT_EQ(
      link(scratch.path("secret").c_str(), scratch.path("model/hard").c_str()),
      0);
  EXPECT_TRUE(contains(read(externalModel("soft")),
                       "expected a path without symbolic links"));
  EXPECT_TRUE(contains(read(externalModel("up/secret")),
                       "expected a path without symbolic links"));
  EXPECT_TRUE(contains(read(externalModel("hard")),
                       "expected a file with one name, but found 2"));
}

TEST_F(ExternalData, SpecialFilesAreRefused) {
  mkdir(scratch.path("model").c_str(), 0755);
  ASSERT_EQ(mkfifo(scratch.path("model/pipe").c_str(), 0600), 0);
  EXPECT_TRUE(contains(read(externalModel("pipe")), "expected a regular file"));
}

TEST_F(ExternalData, BoundsAreChecked) {
  mkdir(scratch.path("model").c_str(), 0755);
  writeFile(scratch.path("model/w"), std::string(16, 'x'));
  EXPECT_EQ(read(externalModel("w")), "no error");
  EXPECT_TRUE(contains(read(externalModel("w", "1")),
                       "end at byte 17, but 'w' has 16 bytes"));
  EXPECT_TRUE(contains(read(externalModel("w", "9223372036854775800")),
                       "malformed offset"));
  EXPECT_TRUE(contains(read(externalModel("w", "-1")), "malformed offset"));
  EXPECT_TRUE(contains(read(externalModel("w", "0", "12")), "but found 12"));
}

TEST_F(ExternalData, AbsenceIsForPlanningOnly) {
  EXPECT_TRUE(contains(read(externalModel("w")),
                       "tensor 'w': external data file 'w' does not exist"));
  EXPECT_EQ(read(externalModel("w"), /*allowAbsent=*/true), "no error");
}

TEST(AbsentWeights, PlanningImportsShapesAndSaysSo) {
  Scratch scratch;
  std::string path = scratch.path("model.onnx");
  writeFile(path, readFile(kFixtures + "/opset13-external.onnx"));
  EXPECT_TRUE(contains(
      errorOf(path, 8),
      "external data file 'opset13-external.onnx.data' does not exist"));
  Imported planned = import(path, 8, /*shapesOnly=*/true);
  ASSERT_TRUE(bool(planned.model)) << planned.model.error().text();
  EXPECT_EQ(planned.model->absentWeights.size(), 19u);
  ASSERT_EQ(planned.model->notes.size(), 1u);
  EXPECT_TRUE(contains(planned.model->notes[0],
                       "may be the embedding 'model.embed_tokens.weight'"));
  // With its data the same model is the same function, but for the tie.
  Imported whole = import(kFixtures + "/opset13-external.onnx", 8);
  ASSERT_TRUE(bool(whole.model));
  EXPECT_TRUE(whole.model->absentWeights.empty() && whole.model->notes.empty());
  EXPECT_EQ(whole.model->modules.size(), planned.model->modules.size());
}

} // namespace
} // namespace neap::test
