// Packing reads the files that import read, or fails.
#include "compiler/Emit/WeightsFile.h"

#include "compiler/Import/Import.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace neap::test {
namespace {

namespace fs = std::filesystem;

const std::string kData = "opset13-external.onnx.data";

/// An imported model with external data, in a folder of its own.
class WeightsFile : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "neap-emit-XXXXXX";
    folder = mkdtemp(pattern.data());
    fs::path fixtures = NEAP_IMPORT_FIXTURES;
    fs::create_directory(folder / "model");
    for (const std::string &name :
         {std::string("opset13-external.onnx"), kData})
      fs::copy_file(fixtures / name, folder / "model" / name);
    loadImportDialects(context);
    ImportOptions options;
    options.maxTokens = 8;
    InputOr<ImportedModel> result = importModel(
        context, (folder / "model/opset13-external.onnx").string(), options);
    ASSERT_TRUE(bool(result)) << result.error().text();
    model.emplace(std::move(*result));
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string pack() {
    InputOr<std::string> packed =
        writeWeights(*model->module, layOutWeights(*model->module),
                     model->files, {}, (folder / "model.weights").string());
    EXPECT_EQ(fs::exists(folder / "model.weights"), bool(packed));
    return packed ? "no error" : packed.error().text();
  }
  fs::path data() const { return folder / "model" / kData; }

  fs::path folder;
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::optional<ImportedModel> model;
};

testing::AssertionResult refuses(const std::string &error,
                                 const std::string &message) {
  if (error.rfind(kData + ": tensor '", 0) == 0 &&
      error.find("': " + message) != std::string::npos)
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << error;
}

TEST_F(WeightsFile, PacksWhatWasImported) { EXPECT_EQ(pack(), "no error"); }

TEST_F(WeightsFile, LinkInThePlaceOfTheData) {
  fs::rename(data(), folder / "secret");
  fs::create_symlink(folder / "secret", data());
  EXPECT_TRUE(refuses(pack(), "expected a path without symbolic links"));
}

TEST_F(WeightsFile, OtherFileInThePlaceOfTheData) {
  fs::copy_file(data(), folder / "copy");
  fs::rename(folder / "copy", data());
  EXPECT_TRUE(refuses(pack(), "has changed since the model was imported"));
}

TEST_F(WeightsFile, DataThatWereCutOrWritten) {
  fs::file_time_type written = fs::last_write_time(data());
  fs::last_write_time(data(), written + std::chrono::nanoseconds(1000));
  EXPECT_TRUE(refuses(pack(), "has changed since the model was imported"));
  fs::resize_file(data(), fs::file_size(data()) - 4);
  fs::last_write_time(data(), written);
  EXPECT_TRUE(refuses(pack(), "has changed since the model was imported"));
}

TEST_F(WeightsFile, DataThatAreGone) {
  fs::remove(data());
  EXPECT_TRUE(refuses(pack(), "is gone since the model was imported"));
}

} // namespace
} // namespace neap::test
