// The command line of Neap.
#include "compiler/Output/Leftovers.h"
#include "compiler/Pipeline/Commands.h"
#include "compiler/Spec/PlainText.h"

#include <csignal>
#include <exception>
#include <iostream>

int main(int argc, char **argv) {
  // A file size limit is a write error like a full disk, not a crash.
  std::signal(SIGXFSZ, SIG_IGN);
  neap::removeLeftoversOnSignals();
  try {
    return neap::runCommandLine(argc, argv);
  } catch (const std::exception &exception) {
    std::cerr << "error: internal: " << neap::maskText(exception.what())
              << "\n";
  } catch (...) {
    std::cerr << "error: internal: unknown exception\n";
  }
  return int(neap::ExitCode::Bug);
}
