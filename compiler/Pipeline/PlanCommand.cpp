#include "compiler/Pipeline/PlanJob.h"

#include "compiler/Emit/OutputFile.h"
#include "compiler/Pipeline/Commands.h"
#include "compiler/Pipeline/Register.h"
#include "compiler/Report/ReportFormat.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <chrono>
#include <iostream>

using namespace neap;

using Clock = std::chrono::steady_clock;

static double seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

CommandResult neap::writeReport(const std::string &path,
                                const std::string &name,
                                const std::string &text, std::string &written) {
  // Devices and named pipes are written to, whatever their name.
  bool isFile =
      llvm::StringRef(path).ends_with(".json") ||
      (llvm::sys::fs::exists(path) && !llvm::sys::fs::is_regular_file(path) &&
       !llvm::sys::fs::is_directory(path));
  written = isFile ? path : path + "/" + name;
  llvm::StringRef parent = llvm::sys::path::parent_path(path);
  if (isFile && (parent.empty() || llvm::sys::fs::is_directory(parent))) {
    if (auto error = writeFile(path, text))
      return *error;
    return std::nullopt;
  }
  InputOr<OutputFolder> folder =
      OutputFolder::create(isFile ? parent.str() : path);
  if (!folder)
    return folder.error();
  std::string file = isFile ? llvm::sys::path::filename(path).str() : name;
  if (auto error = writeFile(folder->stage(file), text))
    return folder->describe(*error);
  if (auto error = folder->commit({file}))
    return *error;
  return std::nullopt;
}

CommandResult neap::runPlan(const JobRequest &request) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  Clock::time_point start = Clock::now();
  JobOrError prepared = prepareJob(request, /*shapesOnly=*/true, context);
  if (prepared.error)
    return prepared.error;
  Clock::time_point imported = Clock::now();
  PlannedJob planned;
  if (CommandResult error = planJob(request, *prepared.job, planned))
    return error;
  Clock::time_point decided = Clock::now();
  std::string path;
  if (!request.output.empty())
    if (CommandResult error =
            writeReport(request.output, "plan.json", planned.json, path))
      return error;
  std::cout << maskText(describePlan(*prepared.job, planned) +
                            explainPeak(planned.result),
                        /*keepLines=*/true);
  if (!path.empty())
    std::cout << "plan:     " << path << "\n";
  // For the terminal alone: a plan says the same on every machine.
  std::cout << "took:     "
            << format("%.2f s to import, %.2f s to plan\n",
                      seconds(imported - start), seconds(decided - imported));
  return std::nullopt;
}
