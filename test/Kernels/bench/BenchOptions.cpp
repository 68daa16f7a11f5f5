#include "test/Kernels/bench/BenchOptions.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace neap::bench;

BenchOptions::BenchOptions(int argc, char **argv, const char *usage,
                           const std::vector<std::string> &names) {
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      std::fputs(usage, stdout);
      std::exit(0);
    }
    size_t equals = argument.find('=');
    std::string name = argument.substr(0, equals);
    if (equals == std::string::npos ||
        std::find(names.begin(), names.end(), name) == names.end()) {
      std::fprintf(stderr,
                   "error: expected an option name=value, but found '%s'\n%s",
                   argv[i], usage);
      std::exit(2);
    }
    values[name] = argument.substr(equals + 1);
  }
}

int64_t BenchOptions::number(const std::string &name, int64_t otherwise) const {
  auto found = values.find(name);
  return found == values.end() ? otherwise : std::atoll(found->second.c_str());
}

std::string BenchOptions::text(const std::string &name) const {
  auto found = values.find(name);
  return found == values.end() ? "" : found->second;
}
