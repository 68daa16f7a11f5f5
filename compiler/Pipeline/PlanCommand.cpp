#include "compiler/Pipeline/PlanJob.h"

#include "compiler/Emit/OutputFile.h"
#include "compiler/Pipeline/Commands.h"
#include "compiler/Pipeline/Register.h"
#include "compiler/Report/ReportFormat.h"

#include "llvm/ADT/StringRef.h"

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
  if (llvm::StringRef(path).ends_with(".json")) {
    written = path;
    if (auto error = writeFile(path, text))
      return *error;
    return std::nullopt;
  }
  written = path + "/" + name;
  InputOr<OutputFolder> folder = OutputFolder::create(path);
  if (!folder)
    return folder.error();
  if (auto error = writeFile(folder->stage(name), text))
    return folder->describe(*error);
  if (auto error = folder->commit({name}))
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
  std::cout << describePlan(*prepared.job, planned)
            << explainPeak(planned.result);
  if (!path.empty())
    std::cout << "plan:     " << path << "\n";
  // For the terminal alone: a plan says the same on every machine.
  std::cout << "took:     "
            << format("%.2f s to import, %.2f s to plan\n",
                      seconds(imported - start), seconds(decided - imported));
  return std::nullopt;
}
