#include "compiler/Pipeline/Commands.h"

#include <iostream>

using namespace neap;

CommandResult neap::runCheck(const CheckRequest &request) {
  InputOr<BaselineRows> rows = readPlanRows(request.plans);
  if (!rows)
    return rows.error();
  if (request.update) {
    if (auto error = updateBaseline(request.baseline, *rows))
      return *error;
    std::cout << "baseline " << request.baseline << ": " << rows->size()
              << " jobs\n";
    return std::nullopt;
  }
  InputOr<BaselineRows> baseline = readBaseline(request.baseline);
  if (!baseline)
    return baseline.error();
  CheckResult result = checkBaseline(*baseline, *rows, request.options);
  std::cout << renderCheck(result, request.format);
  if (result.failed())
    return CommandError(ExitCode::Regression,
                        "a job regressed against " + request.baseline);
  return std::nullopt;
}
