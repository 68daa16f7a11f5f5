#include "compiler/Pipeline/Commands.h"
#include "compiler/Pipeline/PlanJob.h"
#include "compiler/Pipeline/Register.h"

#include <iostream>

using namespace neap;

CommandResult neap::runSweep(JobRequest request,
                             const std::vector<std::string> &devices,
                             int points) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  std::vector<DeviceSweep> sweeps;
  for (const std::string &device : devices) {
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    context.loadAllAvailableDialects();
    request.device = device;
    JobOrError prepared = prepareJob(request, /*shapesOnly=*/true, context);
    if (prepared.error)
      return prepared.error;
    DeviceSweep &sweep = sweeps.emplace_back();
    if (CommandResult error = sweepJob(request, *prepared.job, points, sweep))
      return error;
    std::cout << maskText(renderSweepTable(sweep), /*keepLines=*/true)
              << std::flush;
  }
  if (request.output.empty())
    return std::nullopt;
  std::string written;
  if (CommandResult error = writeReport(request.output, "sweep.json",
                                        renderSweepJson(sweeps), written))
    return error;
  std::cout << "sweep:    " << written << "\n";
  return std::nullopt;
}
