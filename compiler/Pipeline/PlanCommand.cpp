#include "compiler/Pipeline/PlanJob.h"

#include "compiler/Emit/OutputFile.h"
#include "compiler/Pipeline/Commands.h"
#include "compiler/Pipeline/Register.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"

#include <iostream>

using namespace neap;

CommandResult neap::createFolder(const std::string &path) {
  if (std::error_code code = llvm::sys::fs::create_directories(path))
    return InputError{path, "", "cannot create the folder: " + code.message()};
  return std::nullopt;
}

CommandResult neap::runPlan(const JobRequest &request) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  JobOrError prepared = prepareJob(request, /*shapesOnly=*/true, context);
  if (prepared.error)
    return prepared.error;
  PlannedJob planned;
  if (CommandResult error = planJob(request, *prepared.job, planned))
    return error;
  if (request.output.empty()) {
    std::cout << describePlan(*prepared.job, planned);
    return std::nullopt;
  }
  std::string path = request.output;
  if (!llvm::StringRef(path).ends_with(".json")) {
    if (CommandResult error = createFolder(path))
      return error;
    path += "/plan.json";
  }
  if (auto error = writeFile(path, planned.json))
    return *error;
  std::cout << describePlan(*prepared.job, planned) << "plan:     " << path
            << "\n";
  return std::nullopt;
}
