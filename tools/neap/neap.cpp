// The command line of Neap.
#include "compiler/Pipeline/Commands.h"

int main(int argc, char **argv) { return neap::runCommandLine(argc, argv); }
