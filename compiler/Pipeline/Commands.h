// The commands of `neap`, one function each; CommandLine.cpp reads argv.
#ifndef NEAP_COMPILER_PIPELINE_COMMANDS_H
#define NEAP_COMPILER_PIPELINE_COMMANDS_H

#include "compiler/Pipeline/Job.h"
#include "compiler/Report/BaselineReport.h"

namespace neap {

/// Writes trainer, model.weights and plan.json into `request.output`.
CommandResult runCompile(const JobRequest &request);

/// Prints the plan; writes plan.json to `request.output` if given (a folder or
/// a file ending in .json).
CommandResult runPlan(const JobRequest &request);

/// Plans for `points` budgets between the smallest peak and everything kept, on
/// each device: prints a table and writes sweep.json to `request.output` if
/// given (a folder or a file ending in .json).
CommandResult runSweep(JobRequest request,
                       const std::vector<std::string> &devices, int points);

/// Inputs, parameters, modules LoRA can target, unsupported operators; then an
/// error where the model cannot be imported.
CommandResult runInspect(const std::string &model);

CommandResult runDeviceList();
CommandResult runDeviceShow(const std::string &name);
/// Writes the profile of this machine to `output`, or to stdout if empty.
CommandResult runDeviceProbe(const std::string &output);

struct CheckRequest {
  std::vector<std::string> plans;
  std::string baseline;
  bool update = false;
  CheckOptions options;
  CheckFormat format = CheckFormat::Table;
};
CommandResult runCheck(const CheckRequest &request);

/// Reads the command line and runs what it names; the process's exit code.
int runCommandLine(int argc, char **argv);

} // namespace neap
#endif
