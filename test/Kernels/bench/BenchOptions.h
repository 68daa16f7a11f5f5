// The command line of the benchmarks: name=value arguments.
#ifndef NEAP_TEST_KERNELS_BENCH_BENCHOPTIONS_H
#define NEAP_TEST_KERNELS_BENCH_BENCHOPTIONS_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace neap::bench {

class BenchOptions {
public:
  /// Ends the process: with 0 after printing `usage` for --help, with 2 for an
  /// argument that is not `name=value` with one of `names`.
  BenchOptions(int argc, char **argv, const char *usage,
               const std::vector<std::string> &names);

  int64_t number(const std::string &name, int64_t otherwise) const;
  /// Empty where it is not given.
  std::string text(const std::string &name) const;

private:
  std::map<std::string, std::string> values;
};

} // namespace neap::bench
#endif
