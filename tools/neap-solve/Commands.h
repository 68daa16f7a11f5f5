//===- Commands.h - What neap-solve can do ----------------------*- C++ -*-===//

#ifndef NEAP_TOOLS_NEAPSOLVE_COMMANDS_H
#define NEAP_TOOLS_NEAPSOLVE_COMMANDS_H

#include <string>
#include <vector>

namespace neap {

/// Exit codes shared with `neap`.
enum ExitCode : int {
  ExitDone = 0,
  ExitBug = 1,
  ExitUsage = 2,
  ExitInvalidInput = 3,
  ExitDoesNotFit = 4
};

/// Each command gets the arguments behind its name, prints messages to stderr
/// ("error: " first) and returns an ExitCode.
int runAllocate(const std::vector<std::string> &arguments);
int runRemat(const std::vector<std::string> &arguments);

} // namespace neap

#endif // NEAP_TOOLS_NEAPSOLVE_COMMANDS_H
