//===- PublicInstancesTest.cpp - Heights on public benchmarks -------------===//

#include "passes/Solvers/AllocationCsv.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace neap;

namespace {

struct Instance {
  const char *name;
  const char *path;
  size_t bufferCount;
  /// The instance's load, which is reached.
  int64_t optimum;
};

void PrintTo(const Instance &instance, std::ostream *output) {
  *output << instance.name;
}

std::filesystem::path pathOf(const std::string &path) {
  const char *variable = std::getenv("NEAP_TEST_DATA");
  return std::filesystem::path(variable ? variable : NEAP_DEFAULT_TEST_DATA) /
         "planning" / path;
}

AllocationProblem load(const std::filesystem::path &path) {
  std::ifstream input(path);
  std::string error;
  std::optional<AllocationTable> table =
      readAllocationCsv(input, path.string(), error);
  EXPECT_TRUE(table.has_value()) << error;
  return table ? table->problem : AllocationProblem();
}

void expectOptimum(const AllocationProblem &problem, int64_t optimum) {
  AllocationSolution solution = solveAllocation(problem);
  EXPECT_EQ(validateAllocation(problem, solution), std::nullopt);
  EXPECT_EQ(solution.heightBytes, optimum);
  EXPECT_EQ(solution.lowerBoundBytes, optimum);
  EXPECT_TRUE(solution.optimal);
}

class PublicInstance : public testing::TestWithParam<Instance> {};

TEST_P(PublicInstance, ReachesTheLoadWithinTheDefaultNodeLimit) {
  std::filesystem::path path = pathOf(GetParam().path);
  if (!std::filesystem::exists(path))
    GTEST_SKIP() << path << " is absent";
  AllocationProblem problem = load(path);
  ASSERT_EQ(problem.buffers.size(), GetParam().bufferCount);
  expectOptimum(problem, GetParam().optimum);
}

/// Instances one after the other are no harder than each alone: 5124 buffers
/// are more than the exact search would take at once. `bridgeBytes`: one more
/// buffer that is alive all the time.
class PublicConcatenation
    : public testing::TestWithParam<std::pair<const char *, int64_t>> {};

TEST_P(PublicConcatenation, ReachesTheLoadWithinTheDefaultNodeLimit) {
  auto [letters, bridgeBytes] = GetParam();
  AllocationProblem problem;
  int64_t end = 0;
  for (char letter : std::string(letters)) {
    std::filesystem::path path =
        pathOf(std::string("minimalloc/") + letter + ".1048576.csv");
    if (!std::filesystem::exists(path))
      GTEST_SKIP() << path << " is absent";
    int64_t shift = end;
    for (Buffer buffer : load(path).buffers) {
      buffer.start += shift;
      buffer.end += shift;
      end = std::max(end, buffer.end);
      problem.buffers.push_back(buffer);
    }
  }
  if (bridgeBytes > 0)
    problem.buffers.push_back({0, 0, end, bridgeBytes, 1, std::nullopt});
  expectOptimum(problem, 1048576 + bridgeBytes);
}

INSTANTIATE_TEST_SUITE_P(
    Planning, PublicConcatenation,
    testing::Values(std::make_pair("EE", 0), std::make_pair("AE", 0),
                    std::make_pair("AAAA", 0), std::make_pair("ACEGIK", 65536),
                    std::make_pair("ACEGIKACEGIKACEGIK", 0)));

INSTANTIATE_TEST_SUITE_P(
    Planning, PublicInstance,
    testing::Values(
        Instance{"minimalloc_A", "minimalloc/A.1048576.csv", 154, 1048576},
        Instance{"minimalloc_C", "minimalloc/C.1048576.csv", 203, 1039360},
        Instance{"minimalloc_E", "minimalloc/E.1048576.csv", 215, 1048576},
        Instance{"minimalloc_G", "minimalloc/G.1048576.csv", 308, 1048576},
        Instance{"minimalloc_I", "minimalloc/I.1048576.csv", 374, 1048576},
        Instance{"minimalloc_K", "minimalloc/K.1048576.csv", 454, 1048576},
        Instance{"minimalloc_example", "minimalloc/input.12.csv", 5, 12},
        Instance{"mindspore_resnet50", "idealloc/somas_tensors_resnet50.csv",
                 1042, 1515472556},
        Instance{"iopddl_G_1", "idealloc/iopddl_G_1.csv", 816, 3030937746}),
    [](const testing::TestParamInfo<Instance> &info) {
      return info.param.name;
    });

} // namespace
