//===- Allocate.cpp - neap-solve allocate ---------------------------------===//

#include "compiler/Output/WriteFile.h"
#include "compiler/Spec/ByteSize.h"
#include "compiler/Spec/PlainText.h"
#include "passes/Solvers/Allocation.h"
#include "passes/Solvers/AllocationCsv.h"
#include "tools/neap-solve/Commands.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <limits>
#include <optional>
#include <sstream>

namespace neap {
namespace {

using Clock = std::chrono::steady_clock;

struct AllocateOptions {
  std::string inputPath;
  std::optional<std::string> outputPath;
  std::optional<int64_t> capacityBytes;
  double timeLimitSeconds = 60;
};

template <typename T> bool parseWhole(const std::string &text, T &value) {
  const char *end = text.data() + text.size();
  auto [stop, status] = std::from_chars(text.data(), end, value);
  return status == std::errc() && stop == end;
}

/// Fills `options`; returns what is wrong with the arguments, or "".
std::string parseArguments(const std::vector<std::string> &arguments,
                           AllocateOptions &options) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string &argument = arguments[i];
    if (argument.empty() || argument[0] != '-') {
      if (!options.inputPath.empty())
        return "expected one file, but found '" + options.inputPath +
               "' and '" + argument + "'";
      options.inputPath = argument;
      continue;
    }
    if (argument != "--capacity" && argument != "--time-limit" &&
        argument != "-o")
      return "unknown option '" + argument + "'";
    if (i + 1 == arguments.size())
      return "expected a value behind '" + argument + "'";
    const std::string &value = arguments[++i];
    if (argument == "-o") {
      options.outputPath = value;
    } else if (argument == "--capacity") {
      options.capacityBytes = parseByteSize(value);
      if (!options.capacityBytes)
        return std::string("expected '--capacity' to be ") +
               byteSizeExpectation + ", but found '" + value + "'";
    } else if (!parseWhole(value, options.timeLimitSeconds) ||
               !(options.timeLimitSeconds >= 0)) {
      return "expected '--time-limit' to be a number of seconds, but found '" +
             value + "'";
    }
  }
  return options.inputPath.empty() ? "expected a file" : "";
}

int reportMisfit(const AllocationSolution &solution, int64_t capacityBytes) {
  std::cerr << "error: expected a height of at most " << capacityBytes
            << " bytes, but ";
  if (solution.lowerBoundBytes > capacityBytes)
    std::cerr << "at least " << solution.lowerBoundBytes << " are needed\n";
  else
    std::cerr << "found none below " << solution.heightBytes
              << " within the time limit (lower bound "
              << solution.lowerBoundBytes << ")\n";
  return ExitDoesNotFit;
}

} // namespace

int runAllocate(const std::vector<std::string> &arguments) {
  AllocateOptions options;
  if (std::string error = parseArguments(arguments, options); !error.empty()) {
    std::cerr << "error: allocate: " << maskText(error) << '\n';
    return ExitUsage;
  }
  std::ifstream input(options.inputPath, std::ios::binary);
  if (!input) {
    std::cerr << "error: " << maskText(options.inputPath)
              << ": cannot be opened\n";
    return ExitInvalidInput;
  }
  std::string error;
  std::optional<AllocationTable> table =
      readAllocationCsv(input, options.inputPath, error);
  if (!table) {
    std::cerr << "error: " << maskText(error) << '\n';
    return ExitInvalidInput;
  }

  table->problem.capacityBytes = options.capacityBytes;
  Clock::time_point begin = Clock::now();
  auto secondsSoFar = [&] {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  AllocationOptions solverOptions;
  solverOptions.nodeLimit = std::numeric_limits<int64_t>::max();
  solverOptions.shouldStop = [&] {
    return secondsSoFar() >= options.timeLimitSeconds;
  };
  AllocationSolution solution = solveAllocation(table->problem, solverOptions);
  double seconds = secondsSoFar();

  if (auto invalid = validateAllocation(table->problem, solution)) {
    std::cerr << "error: " << options.inputPath
              << ": the solver's answer is invalid: " << *invalid << '\n';
    return ExitBug;
  }
  if (options.capacityBytes && solution.heightBytes > *options.capacityBytes)
    return reportMisfit(solution, *options.capacityBytes);
  if (options.outputPath) {
    std::ostringstream text;
    writeAllocationCsv(text, *table, solution.offsets);
    if (auto unwritten = writeFile(*options.outputPath, text.str())) {
      std::cerr << "error: " << maskText(unwritten->text()) << '\n';
      return ExitInvalidInput;
    }
  }
  std::printf("{\"height\":%lld,\"lower_bound\":%lld,\"optimal\":%s,"
              "\"seconds\":%.6f}\n",
              static_cast<long long>(solution.heightBytes),
              static_cast<long long>(solution.lowerBoundBytes),
              solution.optimal ? "true" : "false", seconds);
  return ExitDone;
}

} // namespace neap
