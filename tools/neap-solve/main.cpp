//===- main.cpp - The planner's solvers on the command line ---------------===//

#include "compiler/Output/Leftovers.h"
#include "compiler/Spec/PlainText.h"
#include "tools/neap-solve/Commands.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <iostream>

static const char *const usage =
    "usage: neap-solve allocate FILE.csv [--capacity BYTES] [--time-limit S]\n"
    "                           [-o OUT.csv]\n"
    "       neap-solve remat FILE.json --budget BYTES [--order given|free]\n"
    "                        [--time-limit S] [-o OUT.json]\n"
    "       neap-solve --help | --version\n"
    "\n"
    "BYTES is a count or a size such as 512MiB, as neap takes it.\n"
    "\n"
    "allocate: gives every buffer of FILE.csv "
    "(id,lower,upper,size[,alignment][,offset];\n"
    "lifetimes [lower, upper), or a column `end` that is inclusive) an offset\n"
    "and prints one JSON line: height, lower_bound, optimal, seconds.\n"
    "\n"
    "  --capacity BYTES  stop at any height up to it; exit 4 if none is found\n"
    "  --time-limit S    stop after about S seconds (default 60)\n"
    "  -o OUT.csv        write the table with a column `offset`\n"
    "\n"
    "remat: computes every node of the graph in FILE.json "
    "({\"nodes\":[{\"id\",\"bytes\",\n"
    "\"flop\",\"deps\"}..]}) within BYTES of memory, dropping and recomputing\n"
    "outputs at the least cost, and prints one JSON line: cost, lower_bound,\n"
    "optimal, peak, recomputed_cost, seconds.\n"
    "\n"
    "  --budget BYTES  exit 4 if no schedule fits\n"
    "  --order given   first computations in the file's order, as Checkmate's\n"
    "                  integer program has it (default)\n"
    "  --order free    any order\n"
    "  --time-limit S  stop after about S seconds (default 60)\n"
    "  -o OUT.json     write the schedule\n";

/// A descriptor that the caller closed would be given to the next file that is
/// opened, and output would end in it.
static void reserveStandardDescriptors() {
  for (int descriptor : {0, 1, 2})
    if (fcntl(descriptor, F_GETFD) < 0)
      open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY);
}

/// Output that is lost is a failure of its own; an earlier one keeps its code.
static int finish(int exitCode) {
  errno = 0;
  std::cout.flush();
  if (std::fflush(stdout) == 0 && !std::ferror(stdout) && std::cout)
    return exitCode;
  std::cerr << "error: standard output: cannot be written: "
            << (errno ? std::strerror(errno) : "an earlier write failed")
            << '\n';
  return exitCode == neap::ExitDone ? neap::ExitInvalidInput : exitCode;
}

int main(int argc, char **argv) {
  std::signal(SIGXFSZ, SIG_IGN); // a write error, as a full disk is
  neap::removeLeftoversOnSignals();
  reserveStandardDescriptors();
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() &&
      (arguments.back() == "--help" || arguments.back() == "-h")) {
    std::cout << usage;
    return finish(neap::ExitDone);
  }
  if (arguments.size() == 1 && arguments[0] == "--version") {
    std::cout << "neap-solve " NEAP_VERSION "\n";
    return finish(neap::ExitDone);
  }
  std::string command = arguments.empty() ? "" : arguments[0];
  if (command != "allocate" && command != "remat") {
    if (!arguments.empty())
      std::cerr << "error: unknown command '" << neap::maskText(command)
                << "'\n";
    std::cerr << usage;
    return neap::ExitUsage;
  }
  arguments.erase(arguments.begin());
  try {
    return finish(command == "remat" ? neap::runRemat(arguments)
                                     : neap::runAllocate(arguments));
  } catch (const std::exception &exception) {
    std::cerr << "error: internal: " << neap::maskText(exception.what())
              << '\n';
    return neap::ExitBug;
  }
}
