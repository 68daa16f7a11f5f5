// Helpers of the import tests.
#ifndef NEAP_TEST_IMPORT_IMPORTTESTING_H
#define NEAP_TEST_IMPORT_IMPORTTESTING_H

#include "compiler/Import/Import.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <memory>
#include <sys/stat.h>

namespace neap::test {

/// Folder of the outside test data; see NEAP_TEST_DATA.
inline std::string dataFolder() {
  const char *given = std::getenv("NEAP_TEST_DATA");
  return given ? given : NEAP_DEFAULT_TEST_DATA;
}

inline bool exists(const std::string &path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0;
}

/// A model with the context that it lives in.
struct Imported {
  std::unique_ptr<mlir::MLIRContext> context;
  InputOr<ImportedModel> model;
};

inline Imported import(const std::string &path, int64_t maxTokens,
                       bool shapesOnly = false) {
  auto context = std::make_unique<mlir::MLIRContext>(
      mlir::MLIRContext::Threading::DISABLED);
  loadImportDialects(*context);
  ImportOptions options;
  options.maxTokens = maxTokens;
  options.shapesOnly = shapesOnly;
  InputOr<ImportedModel> model = importModel(*context, path, options);
  return {std::move(context), std::move(model)};
}

inline std::string print(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, mlir::OpPrintingFlags().elideLargeElementsAttrs());
  return text;
}

} // namespace neap::test

#endif // NEAP_TEST_IMPORT_IMPORTTESTING_H
