#include "compiler/Pipeline/Commands.h"
#include "compiler/Spec/Count.h"

#include <iostream>

using namespace neap;

CommandResult neap::runCheck(const CheckRequest &request) {
  InputOr<BaselineRows> rows = readPlanRows(request.plans);
  if (!rows)
    return rows.error();
  if (request.update) {
    if (auto error = updateBaseline(request.baseline, *rows))
      return *error;
    std::cout << "baseline " << request.baseline << ": "
              << formatCount(int64_t(rows->size()), "job") << "\n";
    return std::nullopt;
  }
  InputOr<BaselineRows> baseline = readBaseline(request.baseline);
  if (!baseline)
    return baseline.error();
  if (auto error = findOtherDevice(*baseline, *rows))
    return *error;
  CheckResult result = checkBaseline(*baseline, *rows, request.options);
  std::string report = renderCheck(result, request.format);
  // JSON has escapes of its own.
  std::cout << (request.format == CheckFormat::Json
                    ? report
                    : maskText(report, /*keepLines=*/true));
  if (result.failed())
    return CommandError(ExitCode::Regression,
                        "a job regressed against " + request.baseline);
  return std::nullopt;
}
