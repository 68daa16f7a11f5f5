// The command line of Neap.
#include "compiler/Pipeline/Commands.h"

#include <csignal>

int main(int argc, char **argv) {
  // A file size limit is a write error like a full disk, not a crash.
  std::signal(SIGXFSZ, SIG_IGN);
  return neap::runCommandLine(argc, argv);
}
