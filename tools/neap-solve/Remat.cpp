//===- Remat.cpp - neap-solve remat ---------------------------------------===//

#include "passes/Solvers/Remat.h"
#include "compiler/Output/WriteFile.h"
#include "compiler/Spec/ByteSize.h"
#include "compiler/Spec/PlainText.h"
#include "tools/neap-solve/Commands.h"
#include "tools/neap-solve/RematJson.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <limits>
#include <optional>

namespace neap {
namespace {

using Clock = std::chrono::steady_clock;

struct RematArguments {
  std::string inputPath;
  std::optional<std::string> outputPath;
  std::optional<int64_t> budgetBytes;
  RematOrder order = RematOrder::Given;
  double timeLimitSeconds = 60;
};

template <typename T> bool parseWhole(const std::string &text, T &value) {
  const char *end = text.data() + text.size();
  auto [stop, status] = std::from_chars(text.data(), end, value);
  return status == std::errc() && stop == end;
}

std::string takeOption(const std::string &name, const std::string &value,
                       RematArguments &arguments) {
  if (name == "-o") {
    arguments.outputPath = value;
  } else if (name == "--order") {
    if (value != "given" && value != "free")
      return "expected '--order' to be 'given' or 'free', but found '" + value +
             "'";
    arguments.order = value == "free" ? RematOrder::Free : RematOrder::Given;
  } else if (name == "--budget") {
    arguments.budgetBytes = parseByteSize(value);
    if (!arguments.budgetBytes)
      return std::string("expected '--budget' to be ") + byteSizeExpectation +
             ", but found '" + value + "'";
  } else if (!parseWhole(value, arguments.timeLimitSeconds) ||
             !(arguments.timeLimitSeconds >= 0)) {
    return "expected '--time-limit' to be a number of seconds, but found '" +
           value + "'";
  }
  return "";
}

/// Fills `parsed`; returns what is wrong with the arguments, or "".
std::string parseArguments(const std::vector<std::string> &arguments,
                           RematArguments &parsed) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string &argument = arguments[i];
    if (argument.empty() || argument[0] != '-') {
      if (!parsed.inputPath.empty())
        return "expected one file, but found '" + parsed.inputPath + "' and '" +
               argument + "'";
      parsed.inputPath = argument;
      continue;
    }
    if (argument != "--budget" && argument != "--time-limit" &&
        argument != "--order" && argument != "-o")
      return "unknown option '" + argument + "'";
    if (i + 1 == arguments.size())
      return "expected a value behind '" + argument + "'";
    std::string error = takeOption(argument, arguments[++i], parsed);
    if (!error.empty())
      return error;
  }
  if (parsed.inputPath.empty())
    return "expected a file";
  return parsed.budgetBytes ? "" : "expected '--budget'";
}

/// Without an answer: how much memory is needed, as far as known.
int reportMisfit(const RematProblem &problem, RematStatus status,
                 const RematOptions &options) {
  std::cerr << "error: expected a schedule within " << problem.budgetBytes
            << " bytes, but ";
  if (status == RematStatus::Unknown) {
    std::cerr << "found none within the time limit (at least "
              << rematWorkingSet(problem) << " are needed, "
              << rematKeepAllPeak(problem) << " suffice)\n";
    return ExitDoesNotFit;
  }
  RematMinimumBudget minimum = rematMinimumBudget(problem, options);
  if (minimum.exact)
    std::cerr << minimum.bytes << " are needed and suffice\n";
  else
    std::cerr << "at least " << minimum.bytes << " are needed ("
              << rematKeepAllPeak(problem) << " suffice)\n";
  return ExitDoesNotFit;
}

std::string summaryOf(const RematSolution &solution, double seconds) {
  char line[400];
  std::snprintf(line, sizeof(line),
                "{\"cost\":%.17g,\"lower_bound\":%.17g,\"optimal\":%s,"
                "\"peak\":%lld,\"recomputed_cost\":%.17g,\"seconds\":%.6f}",
                solution.cost, solution.lowerBound,
                solution.optimal ? "true" : "false",
                static_cast<long long>(solution.peakBytes),
                solution.recomputedCost, seconds);
  return line;
}

} // namespace

int runRemat(const std::vector<std::string> &arguments) {
  RematArguments parsed;
  if (std::string error = parseArguments(arguments, parsed); !error.empty()) {
    std::cerr << "error: remat: " << maskText(error) << '\n';
    return ExitUsage;
  }
  std::string error;
  std::optional<RematProblem> problem = readRematJson(parsed.inputPath, error);
  if (problem) {
    problem->budgetBytes = *parsed.budgetBytes;
    problem->order = parsed.order;
    if (auto invalid = validateRematProblem(*problem))
      error = parsed.inputPath + ": " + *invalid;
  }
  if (!error.empty()) {
    std::cerr << "error: " << maskText(error) << '\n';
    return ExitInvalidInput;
  }

  Clock::time_point begin = Clock::now();
  auto secondsSoFar = [&] {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  RematOptions options;
  options.nodeLimit = std::numeric_limits<int64_t>::max();
  options.shouldStop = [&] {
    return secondsSoFar() >= parsed.timeLimitSeconds;
  };
  RematSolution solution = solveRemat(*problem, options);
  double seconds = secondsSoFar();
  if (solution.status != RematStatus::Found)
    return reportMisfit(*problem, solution.status, options);
  if (auto invalid = validateRemat(*problem, solution)) {
    std::cerr << "error: " << parsed.inputPath
              << ": the solver's answer is invalid: " << *invalid << '\n';
    return ExitBug;
  }
  std::string summary = summaryOf(solution, seconds);
  if (parsed.outputPath) {
    std::string text = renderRematJson(*problem, solution, summary);
    if (auto unwritten = writeFile(*parsed.outputPath, text)) {
      std::cerr << "error: " << maskText(unwritten->text()) << '\n';
      return ExitInvalidInput;
    }
  }
  std::printf("%s\n", summary.c_str());
  return ExitDone;
}

} // namespace neap
