//===- main.cpp - The planner's solvers on the command line ---------------===//

#include "tools/neap-solve/Commands.h"

#include <exception>
#include <iostream>

static const char *const usage =
    "usage: neap-solve allocate FILE.csv [--capacity N] [--time-limit S] "
    "[-o OUT.csv]\n"
    "\n"
    "Gives every buffer of FILE.csv "
    "(id,lower,upper,size[,alignment][,offset];\n"
    "lifetimes [lower, upper), or a column `end` that is inclusive) an offset\n"
    "and prints one JSON line: height, lower_bound, optimal, seconds.\n"
    "\n"
    "  --capacity N    stop at any height up to N; exit 4 if none is found\n"
    "  --time-limit S  stop after about S seconds (default 60)\n"
    "  -o OUT.csv      write the table with a column `offset`\n";

int main(int argc, char **argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 1 &&
      (arguments[0] == "--help" || arguments[0] == "-h")) {
    std::cout << usage;
    return neap::ExitDone;
  }
  if (arguments.empty() || arguments[0] != "allocate") {
    if (!arguments.empty())
      std::cerr << "error: unknown command '" << arguments[0] << "'\n";
    std::cerr << usage;
    return neap::ExitUsage;
  }
  arguments.erase(arguments.begin());
  try {
    return neap::runAllocate(arguments);
  } catch (const std::exception &exception) {
    std::cerr << "error: " << exception.what() << '\n';
    return neap::ExitBug;
  }
}
